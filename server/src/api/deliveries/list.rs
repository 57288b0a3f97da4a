use axum::{Json, extract::State};
use domain::{DeliveryId, EndpointId, endpoint::DeliveryState};
use serde::Deserialize;
use storage::deliveries::DeliveryFilter;
use utoipa::IntoParams;

use super::DeliveryBody;
use crate::{
    api::{
        caller::Reader,
        error::ApiResult,
        extract::ApiQuery,
        list_page::{ListPage, PageRequest},
    },
    state::AppState,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveriesQuery {
    /// Only deliveries to this endpoint.
    #[param(value_type = Option<uuid::Uuid>)]
    endpoint: Option<EndpointId>,
    /// Only deliveries in this state.
    state: Option<DeliveryState>,
    /// Maximum number of items to return, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the previous page, unchanged. Omit it for the first page.
    cursor: Option<String>,
}

/// List deliveries
///
/// Returns messages to endpoints, newest first. They are kept for 30 days.
#[utoipa::path(
    get, path = "/v1/deliveries", operation_id = "list_deliveries", tag = "endpoints",
    security(("key" = ["read"])),
    params(DeliveriesQuery),
    responses((status = 200, body = ListPage<DeliveryBody>, description = "A page of deliveries")),
)]
pub async fn list(
    State(app): State<AppState>,
    _: Reader,
    ApiQuery(query): ApiQuery<DeliveriesQuery>,
) -> ApiResult<Json<ListPage<DeliveryBody>>> {
    let page = PageRequest::<DeliveryId>::new(query.limit, query.cursor)?;
    let filter = DeliveryFilter {
        endpoint_id: query.endpoint,
        state: query.state,
    };
    let mut conn = app.conn().await?;
    let deliveries = storage::deliveries::list(&mut conn, filter, page.after, page.row_limit()).await?;
    Ok(Json(page.page(deliveries, |delivery| delivery.id, DeliveryBody::from)))
}
