use axum::extract::State;
use domain::{EndpointId, RoomName, endpoint::Endpoint};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{EndpointBody, settings};
use crate::{
    api::{
        caller::Writer,
        created::Created,
        error::{ApiError, ApiResult, Problem},
        extract::ApiJson,
    },
    state::AppState,
};

/// Endpoints that may exist. Each event is compared with all of them.
const MAX_ENDPOINTS: i64 = 50;

/// Settings of a new endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEndpoint {
    /// An `https` URL whose host has public addresses only. Every API key can read it.
    #[schema(example = "https://example.com/hooks/trackscribe")]
    url: String,
    /// Note of at most 500 characters. Default: empty.
    #[serde(default)]
    description: String,
    /// Types of events to send. Default: all.
    #[serde(default)]
    #[schema(example = json!(["meeting.closed", "transcript.ready"]))]
    event_types: Vec<String>,
    /// Send only events of rooms with this name. Default: all.
    #[schema(value_type = Option<String>)]
    room: Option<RoomName>,
}

/// A new endpoint and its key.
#[derive(Serialize, ToSchema)]
#[schema(as = NewEndpoint)]
pub struct NewEndpointBody {
    #[serde(flatten)]
    endpoint: EndpointBody,
    /// The key that signs messages. It is not shown again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// Create a webhook endpoint
///
/// Events that are published from now on are sent to the URL as signed messages (Standard Webhooks). The response is the only
/// one that contains the key. At most 50 endpoints may exist.
#[utoipa::path(
    post, path = "/v1/endpoints", operation_id = "create_endpoint", tag = "endpoints",
    security(("key" = ["write"])),
    request_body = CreateEndpoint,
    responses(
        (status = 201, body = NewEndpointBody, description = "The new endpoint with its key"),
        (status = 409, body = Problem, description = "`conflict`: there are 50 endpoints"),
    ),
)]
pub async fn create(
    State(app): State<AppState>,
    _: Writer,
    ApiJson(body): ApiJson<CreateEndpoint>,
) -> ApiResult<Created<NewEndpointBody>> {
    let (endpoint, secret) = (body.into_endpoint(&app)?, settings::new_secret());
    let mut tx = app.begin().await?;
    if !storage::endpoints::insert(&mut tx, &endpoint, &secret, MAX_ENDPOINTS).await? {
        return Err(ApiError::Conflict(format!(
            "there are {MAX_ENDPOINTS} endpoints; delete one first"
        )));
    }
    storage::pool::commit(tx).await?;
    Ok(Created {
        location: format!("/v1/endpoints/{}", endpoint.id),
        body: NewEndpointBody {
            endpoint: endpoint.into(),
            secret: settings::secret_text(&secret),
        },
    })
}

impl CreateEndpoint {
    fn into_endpoint(self, app: &AppState) -> ApiResult<Endpoint> {
        let now = (app.clock)();
        Ok(Endpoint {
            id: EndpointId((app.ids)()),
            url: settings::url(&self.url, app)?,
            description: settings::description(self.description)?,
            event_types: settings::event_types(self.event_types)?,
            room: self.room.map(settings::room),
            disabled: None,
            failing_since: None,
            created_at: now,
            updated_at: now,
        })
    }
}
