use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EndpointPath;
use crate::{
    api::{
        caller::Writer,
        error::{ApiError, ApiResult, Problem},
        extract::ApiJson,
    },
    state::AppState,
};

/// Which deliveries to send again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayFailed {
    /// Those that were created at or after this time.
    since: DateTime<Utc>,
}

/// How many deliveries are sent again.
#[derive(Serialize, ToSchema)]
#[schema(as = Replayed)]
pub struct ReplayedBody {
    /// Number of deliveries. If it is 1000, repeat the request for the rest.
    replayed: u64,
}

/// Replay failed deliveries
///
/// Sends all failed deliveries of the endpoint again that were created since a time, with new attempts over three days. Their
/// `webhook-id` stays the same. At most 1,000 per request, the oldest first.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/replay", operation_id = "replay_failed_deliveries", tag = "endpoints",
    security(("key" = ["write"])),
    params(("id" = uuid::Uuid, Path, description = "Endpoint id")), request_body = ReplayFailed,
    responses(
        (status = 202, body = ReplayedBody, description = "The deliveries are being sent"),
        (status = 404, body = Problem, description = "`not-found`: no endpoint has this id"),
        (status = 409, body = Problem, description = "`conflict`: the endpoint is disabled"),
    ),
)]
pub async fn replay(
    State(app): State<AppState>,
    _: Writer,
    path: EndpointPath,
    ApiJson(body): ApiJson<ReplayFailed>,
) -> ApiResult<(StatusCode, Json<ReplayedBody>)> {
    let mut tx = app.begin().await?;
    let endpoint = path.lock(&mut tx).await?;
    if endpoint.disabled.is_some() {
        return Err(ApiError::Conflict(
            "the endpoint is disabled; enable it first".to_owned(),
        ));
    }
    let replayed = storage::deliveries::replay_failed(&mut tx, endpoint.id, body.since).await?;
    storage::pool::commit(tx).await?;
    Ok((StatusCode::ACCEPTED, Json(ReplayedBody { replayed })))
}
