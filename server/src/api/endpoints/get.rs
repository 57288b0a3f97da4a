use axum::{Json, extract::State};

use super::{EndpointBody, EndpointPath};
use crate::{
    api::{
        caller::Reader,
        error::{ApiResult, Problem},
    },
    state::AppState,
};

/// Get a webhook endpoint
///
/// Returns the endpoint without its keys.
#[utoipa::path(
    get, path = "/v1/endpoints/{id}", operation_id = "get_endpoint", tag = "endpoints",
    security(("key" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "Endpoint id")),
    responses(
        (status = 200, body = EndpointBody, description = "The endpoint"),
        (status = 404, body = Problem, description = "`not-found`: no endpoint has this id"),
    ),
)]
pub async fn get(State(app): State<AppState>, _: Reader, path: EndpointPath) -> ApiResult<Json<EndpointBody>> {
    let mut conn = app.conn().await?;
    Ok(Json(path.find(&mut conn).await?.into()))
}
