use axum::{Json, extract::State};

use super::{DeliveryBody, DeliveryPath};
use crate::{
    api::{
        caller::Reader,
        error::{ApiResult, Problem},
    },
    state::AppState,
};

/// Get a delivery
///
/// Returns the message's progress and the endpoint's latest answer.
#[utoipa::path(
    get, path = "/v1/deliveries/{id}", operation_id = "get_delivery", tag = "endpoints",
    security(("key" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "Delivery id")),
    responses(
        (status = 200, body = DeliveryBody, description = "The delivery"),
        (status = 404, body = Problem, description = "`not-found`: no delivery has this id"),
    ),
)]
pub async fn get(State(app): State<AppState>, _: Reader, path: DeliveryPath) -> ApiResult<Json<DeliveryBody>> {
    let mut conn = app.conn().await?;
    Ok(Json(path.find(&mut conn).await?.into()))
}
