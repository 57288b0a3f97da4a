use axum::{Json, extract::State};
use domain::EndpointId;

use super::EndpointBody;
use crate::{
    api::{
        caller::Reader,
        error::ApiResult,
        list_page::{ListPage, ListQuery, PageRequest},
    },
    state::AppState,
};

/// List webhook endpoints
///
/// Returns all endpoints in the order of their creation, without their keys.
#[utoipa::path(
    get, path = "/v1/endpoints", operation_id = "list_endpoints", tag = "endpoints",
    security(("key" = ["read"])),
    params(ListQuery),
    responses((status = 200, body = ListPage<EndpointBody>, description = "A page of endpoints")),
)]
pub async fn list(
    State(app): State<AppState>,
    _: Reader,
    page: PageRequest<EndpointId>,
) -> ApiResult<Json<ListPage<EndpointBody>>> {
    let mut conn = app.conn().await?;
    let endpoints = storage::endpoints::list(&mut conn, page.after, page.row_limit()).await?;
    Ok(Json(page.page(endpoints, |endpoint| endpoint.id, EndpointBody::from)))
}
