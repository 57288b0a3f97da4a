use axum::{Json, extract::State, http::StatusCode};

use super::{DeliveryBody, DeliveryPath};
use crate::{
    api::{
        caller::Writer,
        error::{ApiError, ApiResult, Problem},
    },
    state::AppState,
};

/// Replay a delivery
///
/// Sends a delivered or failed message again, with new attempts over three days. Its `webhook-id` stays the same.
#[utoipa::path(
    post, path = "/v1/deliveries/{id}/replay", operation_id = "replay_delivery", tag = "endpoints",
    security(("key" = ["write"])),
    params(("id" = uuid::Uuid, Path, description = "Delivery id")),
    responses(
        (status = 202, body = DeliveryBody, description = "The delivery that is being sent"),
        (status = 404, body = Problem, description = "`not-found`: no delivery has this id"),
        (status = 409, body = Problem, description = "`conflict`: it is waiting already, or its endpoint is disabled"),
    ),
)]
pub async fn replay(
    State(app): State<AppState>,
    _: Writer,
    path: DeliveryPath,
) -> ApiResult<(StatusCode, Json<DeliveryBody>)> {
    let mut tx = app.begin().await?;
    path.find(&mut tx).await?;
    if !storage::deliveries::replay(&mut tx, path.0).await? {
        let why = "the delivery is waiting already, or its endpoint is disabled";
        return Err(ApiError::Conflict(why.to_owned()));
    }
    let delivery = path.find(&mut tx).await?;
    storage::pool::commit(tx).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}
