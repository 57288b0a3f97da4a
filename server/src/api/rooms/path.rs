//! The room that a path names.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use domain::{RoomName, room::Room};
use storage::PgConnection;

use crate::api::error::{ApiError, ApiResult};

/// `{name}` of a path. A name that no room can have is simply not found.
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

    /// As [`RoomPath::find`]; until the transaction ends nobody else changes the room.
    pub async fn lock(&self, conn: &mut PgConnection) -> ApiResult<Room> {
        storage::rooms::lock_by_name(conn, &self.0)
            .await?
            .ok_or(ApiError::NotFound("room"))
    }
}
