use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{EndpointPath, settings};
use crate::{
    api::{
        caller::Writer,
        error::{ApiResult, Problem},
    },
    state::AppState,
};

/// A new key.
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointSecret)]
pub struct SecretBody {
    /// The key that signs messages. It is not shown again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// Rotate the key of a webhook endpoint
///
/// Makes a new key. For 24 hours, messages carry two signatures, one by the new key and one by the previous key. A key before
/// that one stops signing at once, so wait a day between two rotations.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/secret", operation_id = "rotate_endpoint_secret", tag = "endpoints",
    security(("key" = ["write"])),
    params(("id" = uuid::Uuid, Path, description = "Endpoint id")),
    responses(
        (status = 200, body = SecretBody, description = "The new key"),
        (status = 404, body = Problem, description = "`not-found`: no endpoint has this id"),
    ),
)]
pub async fn rotate(State(app): State<AppState>, _: Writer, path: EndpointPath) -> ApiResult<Json<SecretBody>> {
    let secret = settings::new_secret();
    let mut tx = app.begin().await?;
    let endpoint = path.lock(&mut tx).await?;
    storage::endpoints::add_secret(&mut tx, endpoint.id, &secret).await?;
    storage::pool::commit(tx).await?;
    Ok(Json(SecretBody {
        secret: settings::secret_text(&secret),
    }))
}
