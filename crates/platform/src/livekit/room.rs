//! LiveKit's room service: rooms and participants.

use std::time::Duration;

use domain::event::{EventRoom, PlatformKind};
use domain::meeting::LiveParticipant;
use domain::participant::{ObservedParticipant, ParticipantKind};
use domain::track::ObservedTrack;
use domain::{Identity, PlatformCaptureId};
use livekit_api::services::ServiceError;
use livekit_api::services::room::RoomClient;
use livekit_api::services::{ServerError, ServerErrorCode};
use livekit_protocol as proto;

use super::values::{millis, participant_kind, seconds, track_kind, track_source};
use crate::PlatformError;

/// Timeout of a call. LiveKit answers from its store and itself gives up after 3 s when it waits for another node.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// What the names of the attributes begin with by which our recorder announces the egresses that it records.
const EGRESS_ATTRIBUTE: &str = "trackscribe.egress.";

/// The name of the attribute that our recorder changes every 10 s.
const BEAT_ATTRIBUTE: &str = "trackscribe.beat";

/// What LiveKit's egress ids begin with.
const EGRESS_ID_PREFIX: &str = "EG_";

/// No room of ours can have this name. Listing it is a cheap call that checks our key.
const UNUSED_ROOM_NAME: &str = "-";

pub async fn list(rooms: &RoomClient) -> Result<Vec<EventRoom>, PlatformError> {
    let live = rooms.list_rooms(Vec::new()).await.map_err(error)?;
    Ok(live.into_iter().map(live_room).collect())
}

pub async fn participants(rooms: &RoomClient, room: &str) -> Result<Vec<LiveParticipant>, PlatformError> {
    let listed = not_found_as_none(rooms.list_participants(room).await)?.unwrap_or_default();
    Ok(listed.into_iter().filter_map(live_participant).collect())
}

pub async fn participant(
    rooms: &RoomClient,
    room: &str,
    identity: &Identity,
) -> Result<Option<LiveParticipant>, PlatformError> {
    let found = not_found_as_none(rooms.get_participant(room, identity.as_str()).await)?;
    Ok(found.and_then(live_participant))
}

pub async fn delete(rooms: &RoomClient, room: &str) -> Result<(), PlatformError> {
    not_found_as_none(rooms.delete_room(room).await).map(|_| ())
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

fn not_found_as_none<T>(answer: Result<T, ServiceError>) -> Result<Option<T>, PlatformError> {
    match answer.map_err(error) {
        Ok(found) => Ok(Some(found)),
        Err(PlatformError::NotFound(..)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn live_room(room: proto::Room) -> EventRoom {
    let created_at = millis(room.creation_time_ms).or(seconds(room.creation_time));
    EventRoom {
        name: Some(room.name),
        key: room.sid.into(),
        session: None,
        created_at,
    }
}

/// Returns `None` for a participant who is not `ACTIVE`: webhooks do not report others either. A recorder counts as soon
/// as it joins.
fn live_participant(sent: proto::ParticipantInfo) -> Option<LiveParticipant> {
    let is_recorder = sent.permission.as_ref().is_some_and(is_recorder);
    match sent.state() {
        proto::participant_info::State::Disconnected => return None,
        proto::participant_info::State::Joining | proto::participant_info::State::Joined if !is_recorder => {
            return None;
        }
        _ => {}
    }
    let capture_ids = if is_recorder {
        recorded_egresses(&sent)
    } else {
        Vec::new()
    };
    let beat = sent.attributes.get(BEAT_ATTRIBUTE).filter(|_| is_recorder).cloned();
    let kind_name = proto::participant_info::Kind::try_from(sent.kind).map_or("UNKNOWN", |kind| kind.as_str_name());
    let participant = ObservedParticipant {
        kind: if is_recorder {
            ParticipantKind::Recorder
        } else {
            participant_kind(kind_name)
        },
        joined_at: millis(sent.joined_at_ms).or(seconds(sent.joined_at)),
        sid: sent.sid.into(),
        identity: sent.identity.into(),
        display_name: sent.name,
    };
    Some(LiveParticipant {
        participant,
        tracks: sent.tracks.into_iter().map(live_track).collect(),
        capture_ids,
        beat,
    })
}

/// Returns the egresses that a recorder announces. LiveKit's own recorder carries out one egress and joins under its id.
fn recorded_egresses(sent: &proto::ParticipantInfo) -> Vec<PlatformCaptureId> {
    let announced = sent
        .attributes
        .keys()
        .filter_map(|name| name.strip_prefix(EGRESS_ATTRIBUTE));
    let mut ids: Vec<PlatformCaptureId> = announced.map(PlatformCaptureId::from).collect();
    if ids.is_empty() && sent.identity.starts_with(EGRESS_ID_PREFIX) {
        ids.push(sent.identity.as_str().into());
    }
    ids
}

#[expect(deprecated, reason = "webhooks mark recorders by this field as well")]
fn is_recorder(permission: &proto::ParticipantPermission) -> bool {
    permission.recorder
}

fn live_track(sent: proto::TrackInfo) -> ObservedTrack {
    ObservedTrack {
        kind: track_kind(sent.r#type().as_str_name()),
        source: track_source(sent.source().as_str_name()),
        encrypted: sent.encryption() != proto::encryption::Type::None,
        sid: sent.sid.into(),
        mime_type: sent.mime_type,
    }
}
