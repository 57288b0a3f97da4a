//! The endpoint that a path names.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use domain::{EndpointId, endpoint::Endpoint};
use storage::PgConnection;

use crate::api::error::{ApiError, ApiResult};

/// Extractor: `{id}` of the path as an endpoint id. Anything but a UUID gives 404.
pub struct EndpointPath(pub EndpointId);

impl<S: Send + Sync> FromRequestParts<S> for EndpointPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let id = Path::<uuid::Uuid>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(EndpointId(id)))
            .map_err(|_| ApiError::NotFound("endpoint"))
    }
}

impl EndpointPath {
    pub async fn find(&self, conn: &mut PgConnection) -> ApiResult<Endpoint> {
        let endpoint = storage::endpoints::find(conn, self.0).await?;
        endpoint.ok_or(ApiError::NotFound("endpoint"))
    }

    /// As [`EndpointPath::find`], and locks the row until the transaction ends.
    pub async fn lock(&self, conn: &mut PgConnection) -> ApiResult<Endpoint> {
        let endpoint = storage::endpoints::lock(conn, self.0).await?;
        endpoint.ok_or(ApiError::NotFound("endpoint"))
    }
}
