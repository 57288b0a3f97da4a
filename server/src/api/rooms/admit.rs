//! Lets somebody join a room, and makes the platform room of its meeting if the platform needs one.
//!
//! No transaction and no connection is held while the platform is asked. The row of a platform room decides which one counts:
//! of two that were made at once, the one that is stored second is deleted, and whoever asked for it joins the other.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    event::EventRoom,
    platform_room::{MadeRoom, PlatformRoom},
    room::Room,
};
use platform::{Admission, AdmitError, JoinError, JoinRequest, MIN_TOKEN_TTL, Platform, PlatformError, RoomToJoin};
use storage::platform_rooms;
use tokio::time::timeout;

use crate::{
    api::error::{ApiError, ApiResult},
    state::AppState,
};

/// How long the platform may take. A person waits for the answer, and a test for the timeout.
const PLATFORM_TIMEOUT: Duration = Duration::from_millis(if cfg!(test) { 300 } else { 10_000 });

/// How often a join starts over because somebody else changed the platform room meanwhile.
const MAX_ATTEMPTS: usize = 4;

/// Lets somebody join a room.
pub async fn admit(app: &AppState, room: &Room, request: &JoinRequest) -> ApiResult<Admission> {
    let adapter = app.platform(room.platform)?;
    for _ in 0..MAX_ATTEMPTS {
        let now = (app.clock)();
        let current = current(app, room, now).await?;
        let to_join = to_join(app, room, current.as_ref()).await?;
        let admission = match ask(adapter.as_ref(), request, &to_join, now).await {
            Err(AdmitError::Platform(PlatformError::NotFound(..))) if current.is_some() => {
                end(app, current.as_ref()).await?;
                continue;
            }
            answer => answer?,
        };
        let Some(made) = &admission.made else {
            return Ok(admission);
        };
        if store(app, room, made, now).await? {
            return Ok(admission);
        }
        delete(adapter.as_ref(), made).await;
    }
    Err(ApiError::Unavailable {
        what: "the platform",
        why: anyhow::anyhow!(
            "the platform room of {} changed during every attempt to join it",
            room.name
        ),
    })
}

/// Returns the platform room that people are sent to. One that is about to expire, and in which nobody is, makes way for
/// another.
async fn current(app: &AppState, room: &Room, now: DateTime<Utc>) -> ApiResult<Option<PlatformRoom>> {
    if !room.platform.needs_made_rooms() {
        return Ok(None);
    }
    let mut conn = app.conn().await?;
    platform_rooms::end_expiring(&mut conn, room.id, now, now + MIN_TOKEN_TTL).await?;
    Ok(platform_rooms::find_current(&mut conn, room.id).await?)
}

async fn to_join(app: &AppState, room: &Room, current: Option<&PlatformRoom>) -> ApiResult<RoomToJoin> {
    let made_before = match (room.platform.needs_made_rooms(), current) {
        (true, None) => platform_rooms::count(&mut *app.conn().await?, room.id).await?,
        _ => 0,
    };
    Ok(RoomToJoin {
        id: room.id,
        current: current.map(|current| current.made.clone()),
        made_before,
    })
}

async fn ask(
    adapter: &dyn Platform,
    request: &JoinRequest,
    room: &RoomToJoin,
    now: DateTime<Utc>,
) -> Result<Admission, AdmitError> {
    let answer = timeout(PLATFORM_TIMEOUT, adapter.admit(request, room, now)).await;
    answer.unwrap_or_else(|late| Err(PlatformError::Unreachable(adapter.kind(), late.into()).into()))
}

/// Stores the platform room that was made. Returns false if the room has another one meanwhile.
async fn store(app: &AppState, room: &Room, made: &MadeRoom, now: DateTime<Utc>) -> ApiResult<bool> {
    let platform_room = PlatformRoom {
        id: (app.ids)().into(),
        room_id: room.id,
        platform: room.platform,
        made: made.clone(),
        created_at: now,
    };
    let mut conn = app.conn().await?;
    platform_rooms::insert_if_absent(&mut conn, &platform_room).await?;
    let stored = platform_rooms::find_current(&mut conn, room.id).await?;
    Ok(stored.is_some_and(|stored| stored.made.key == made.key))
}

/// Gives up a platform room that the platform no longer has.
async fn end(app: &AppState, gone: Option<&PlatformRoom>) -> ApiResult<()> {
    if let Some(gone) = gone {
        tracing::warn!(key = %gone.made.key, platform = %gone.platform, "the platform no longer has a room; making another");
        platform_rooms::end(&mut *app.conn().await?, gone.id, (app.clock)()).await?;
    }
    Ok(())
}

/// Deletes the platform room that came second. If that fails, the worker finds and deletes it later.
async fn delete(adapter: &dyn Platform, made: &MadeRoom) {
    let room = EventRoom {
        name: None,
        key: made.key.clone(),
        session: None,
        created_at: None,
    };
    match timeout(PLATFORM_TIMEOUT, adapter.delete_room(&room)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(key = %made.key, %error, "cannot delete a platform room that is not needed"),
        Err(_) => tracing::warn!(key = %made.key, "deleting a platform room that is not needed timed out"),
    }
}

impl From<AdmitError> for ApiError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Invalid(error) => error.into(),
            AdmitError::Platform(error) => Self::Unavailable {
                what: "the platform",
                why: error.into(),
            },
        }
    }
}

impl From<JoinError> for ApiError {
    fn from(error: JoinError) -> Self {
        let field = match error {
            JoinError::InvalidTtl => "ttl_s",
            JoinError::InvalidIdentity => "identity",
            JoinError::InvalidDisplayName => "display_name",
            JoinError::UnsupportedPermissions => "permissions",
        };
        Self::invalid(field, error)
    }
}

#[cfg(test)]
mod tests;
