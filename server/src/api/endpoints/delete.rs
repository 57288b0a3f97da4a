use axum::{extract::State, http::StatusCode};

use super::EndpointPath;
use crate::{
    api::{
        caller::Writer,
        error::{ApiError, ApiResult, Problem},
    },
    state::AppState,
};

/// Delete a webhook endpoint
///
/// Nothing more is sent, and its deliveries are deleted. A message that is being sent may still arrive. Repeating the request
/// returns 404.
#[utoipa::path(
    delete, path = "/v1/endpoints/{id}", operation_id = "delete_endpoint", tag = "endpoints",
    security(("key" = ["write"])),
    params(("id" = uuid::Uuid, Path, description = "Endpoint id")),
    responses(
        (status = 204, description = "The endpoint is deleted"),
        (status = 404, body = Problem, description = "`not-found`: no endpoint has this id"),
    ),
)]
pub async fn delete(State(app): State<AppState>, _: Writer, path: EndpointPath) -> ApiResult<StatusCode> {
    match storage::endpoints::delete(&mut *app.conn().await?, path.0).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("endpoint")),
    }
}
