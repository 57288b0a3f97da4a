//! LiveKit's rooms: how they end, and the errors of calls about them.

use std::time::Duration;

use domain::event::PlatformKind;
use livekit_api::services::ServiceError;
use livekit_api::services::room::{CreateRoomOptions, RoomClient, SendDataOptions};
use livekit_api::services::{ServerError, ServerErrorCode};

use crate::PlatformError;

/// Timeout of a call. LiveKit answers from its store and itself gives up after 3 s when it waits for another node.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// No room of ours can have this name. Listing it is a cheap call that checks our key.
const UNUSED_ROOM_NAME: &str = "-";

/// An identity that nobody has.
const NOBODY: &str = "trackscribe-nobody";

/// Deletes a room. One that a crash of livekit-server left behind is listed without end, and DeleteRoom fails for it;
/// creating it again makes it a room that can be deleted.
pub async fn delete(rooms: &RoomClient, room: &str) -> Result<(), PlatformError> {
    match not_found_as_none(rooms.delete_room(room).await) {
        Err(PlatformError::Busy(..)) => {}
        deleted => return deleted.map(|_| ()),
    }
    rooms
        .create_room(room, CreateRoomOptions::default())
        .await
        .map_err(error)?;
    not_found_as_none(rooms.delete_room(room).await).map(|_| ())
}

/// Whether a server has the room in memory, not only Redis: sends an empty message to nobody, which only a server with the room
/// can answer.
pub async fn is_served(rooms: &RoomClient, room: &str) -> Result<bool, PlatformError> {
    let options = SendDataOptions {
        destination_identities: vec![NOBODY.to_owned()],
        ..SendDataOptions::default()
    };
    match rooms.send_data(room, Vec::new(), options).await.map_err(error) {
        Ok(()) => Ok(true),
        Err(PlatformError::Busy(..) | PlatformError::NotFound(..)) => Ok(false),
        Err(error) => Err(error),
    }
}

pub async fn ping(rooms: &RoomClient) -> Result<(), PlatformError> {
    rooms
        .list_rooms(vec![UNUSED_ROOM_NAME.to_owned()])
        .await
        .map(|_| ())
        .map_err(error)
}

/// Classifies a failed call by its code. Messages vary: LiveKit adds prefixes to errors of its internal services.
pub fn error(error: ServiceError) -> PlatformError {
    let make = match &error {
        ServiceError::Twirp(ServerError::Twirp(answer)) => by_code(answer),
        ServiceError::Twirp(ServerError::Request(request)) if request.is_decode() => PlatformError::UnexpectedResponse,
        ServiceError::Twirp(ServerError::Request(_)) => PlatformError::Unreachable,
        ServiceError::Twirp(ServerError::Prost(_)) => PlatformError::UnexpectedResponse,
        ServiceError::Twirp(ServerError::Url(_)) | ServiceError::AccessToken(_) | ServiceError::Env(_) => {
            PlatformError::Refused
        }
    };
    make(PlatformKind::Livekit, Box::new(error))
}

type ErrorConstructor = fn(PlatformKind, Box<dyn std::error::Error + Send + Sync>) -> PlatformError;

fn by_code(answer: &ServerErrorCode) -> ErrorConstructor {
    match answer.code.as_str() {
        ServerErrorCode::NOT_FOUND => PlatformError::NotFound,
        ServerErrorCode::UNAUTHENTICATED | ServerErrorCode::PERMISSION_DENIED => PlatformError::Unauthorized,
        ServerErrorCode::UNAVAILABLE
        | ServerErrorCode::DEADLINE_EXCEEDED
        | ServerErrorCode::RESOURCE_EXHAUSTED
        | ServerErrorCode::INTERNAL
        | ServerErrorCode::UNKNOWN
        | ServerErrorCode::CANCELED
        | ServerErrorCode::ABORTED => PlatformError::Busy,
        _ => PlatformError::Refused,
    }
}

/// Returns `None` for what does not exist.
pub fn not_found_as_none<T>(answer: Result<T, ServiceError>) -> Result<Option<T>, PlatformError> {
    match answer.map_err(error) {
        Ok(found) => Ok(Some(found)),
        Err(PlatformError::NotFound(..)) => Ok(None),
        Err(error) => Err(error),
    }
}
