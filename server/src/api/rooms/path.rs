//! The room named in a path.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use domain::{RoomName, room::Room};
use storage::PgConnection;

use crate::api::error::{ApiError, ApiResult};

/// Extractor: `{name}` of the path. An invalid name gives 404.
pub struct RoomPath(pub RoomName);

impl<S: Send + Sync> FromRequestParts<S> for RoomPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let not_found = || ApiError::NotFound("room");
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| not_found())?;
        RoomName::parse(name).map(Self).map_err(|_| not_found())
    }
}

impl RoomPath {
    pub async fn find(&self, conn: &mut PgConnection) -> ApiResult<Room> {
        storage::rooms::find_by_name(conn, &self.0)
            .await?
            .ok_or(ApiError::NotFound("room"))
    }

    /// As [`RoomPath::find`], and locks the row until the transaction ends.
    pub async fn lock(&self, conn: &mut PgConnection) -> ApiResult<Room> {
        storage::rooms::lock_by_name(conn, &self.0)
            .await?
            .ok_or(ApiError::NotFound("room"))
    }
}
