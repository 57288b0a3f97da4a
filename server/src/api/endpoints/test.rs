use axum::{Json, extract::State, http::StatusCode};
use domain::{DeliveryId, FeedEventId};

use super::EndpointPath;
use crate::{
    api::{
        caller::Writer,
        deliveries::{self, DeliveryBody},
        error::{ApiResult, Problem},
    },
    state::AppState,
};

/// Test a webhook endpoint
///
/// Sends an event of the type `endpoint.test` to this endpoint, whatever types it wants and also if it is disabled. It is
/// sent once, within a second; get the delivery to see the answer.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/test", operation_id = "test_endpoint", tag = "endpoints",
    security(("key" = ["write"])),
    params(("id" = uuid::Uuid, Path, description = "Endpoint id")),
    responses(
        (status = 202, body = DeliveryBody, description = "The delivery that is being sent"),
        (status = 404, body = Problem, description = "`not-found`: no endpoint has this id"),
    ),
)]
pub async fn test(
    State(app): State<AppState>,
    _: Writer,
    path: EndpointPath,
) -> ApiResult<(StatusCode, Json<DeliveryBody>)> {
    let id = DeliveryId((app.ids)());
    let mut tx = app.begin().await?;
    let endpoint = path.lock(&mut tx).await?;
    let event = endpoint.test_event(FeedEventId((app.ids)()));
    storage::deliveries::insert_test(&mut tx, id, endpoint.id, &event).await?;
    let delivery = deliveries::DeliveryPath(id).find(&mut tx).await?;
    storage::pool::commit(tx).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}
