use axum::{Json, extract::State};
use domain::{
    RoomName,
    endpoint::{DisabledReason, Endpoint},
};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::{EndpointBody, EndpointPath, settings};
use crate::{
    api::{
        caller::Writer,
        error::{ApiResult, Problem},
        extract::ApiJson,
    },
    state::AppState,
};

/// New values of an endpoint's settings. Omitted fields keep their values.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateEndpoint {
    /// Also messages that are waiting are sent to the new URL.
    url: Option<String>,
    /// Note of at most 500 characters.
    description: Option<String>,
    /// Types of events to send; empty for all. Applies to events published after the change.
    event_types: Option<Vec<String>>,
    /// Send only events of rooms with this name; null for all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    room: Option<Option<RoomName>>,
    /// `false` fails the messages that are waiting; they can be replayed. `true` sends events that are published from then
    /// on.
    enabled: Option<bool>,
}

/// Update a webhook endpoint
///
/// Changes the given settings and keeps all others. An endpoint that was disabled because it failed is enabled in the same
/// way.
#[utoipa::path(
    patch, path = "/v1/endpoints/{id}", operation_id = "update_endpoint", tag = "endpoints",
    security(("key" = ["write"])),
    params(("id" = uuid::Uuid, Path, description = "Endpoint id")), request_body = UpdateEndpoint,
    responses(
        (status = 200, body = EndpointBody, description = "The endpoint with its new settings"),
        (status = 404, body = Problem, description = "`not-found`: no endpoint has this id"),
    ),
)]
pub async fn update(
    State(app): State<AppState>,
    _: Writer,
    path: EndpointPath,
    ApiJson(body): ApiJson<UpdateEndpoint>,
) -> ApiResult<Json<EndpointBody>> {
    let mut tx = app.begin().await?;
    let is_disabled = body.enabled == Some(false);
    let endpoint = body.apply(path.lock(&mut tx).await?, &app)?;
    storage::endpoints::save(&mut tx, &endpoint).await?;
    if is_disabled {
        storage::endpoints::disable(&mut tx, endpoint.id, DisabledReason::Requested).await?;
    }
    let updated = path.find(&mut tx).await?;
    storage::pool::commit(tx).await?;
    Ok(Json(updated.into()))
}

impl UpdateEndpoint {
    fn apply(self, endpoint: Endpoint, app: &AppState) -> ApiResult<Endpoint> {
        let is_enabled_again = self.enabled == Some(true) && endpoint.disabled.is_some();
        Ok(Endpoint {
            url: self.url.map_or(Ok(endpoint.url), |url| settings::url(&url, app))?,
            description: self
                .description
                .map_or(Ok(endpoint.description), settings::description)?,
            event_types: self
                .event_types
                .map_or(Ok(endpoint.event_types), settings::event_types)?,
            room: self.room.map_or(endpoint.room, |room| room.map(settings::room)),
            disabled: endpoint.disabled.filter(|_| !is_enabled_again),
            failing_since: endpoint.failing_since.filter(|_| !is_enabled_again),
            updated_at: (app.clock)(),
            ..endpoint
        })
    }
}

/// Tells null, which is a value, from an omitted field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<RoomName>>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}
