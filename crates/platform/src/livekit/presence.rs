//! LiveKit's lists of rooms and participants.

use domain::event::EventRoom;
use domain::meeting::LiveParticipant;
use domain::participant::{ObservedParticipant, ParticipantKind};
use domain::track::ObservedTrack;
use domain::{Identity, PlatformCaptureId};
use livekit_api::services::room::RoomClient;
use livekit_protocol as proto;

use super::room::{error, not_found_as_none};
use super::values::{millis, participant_kind, seconds, track_kind, track_source};
use crate::{PlatformError, Presence, PresentRoom};

/// What the names of the attributes begin with by which our recorder announces the egresses that it records.
const EGRESS_ATTRIBUTE: &str = "trackscribe.egress.";

/// The name of the attribute that our recorder changes every 10 s.
const BEAT_ATTRIBUTE: &str = "trackscribe.beat";

/// What LiveKit's egress ids begin with.
const EGRESS_ID_PREFIX: &str = "EG_";

/// Lists all rooms. LiveKit has to be asked for the participants of each.
pub async fn rooms(rooms: &RoomClient) -> Result<Presence, PlatformError> {
    let live = rooms.list_rooms(Vec::new()).await.map_err(error)?;
    let without_people = |room| PresentRoom {
        room: live_room(room),
        people: None,
    };
    Ok(Presence::Known(live.into_iter().map(without_people).collect()))
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
pub fn is_recorder(permission: &proto::ParticipantPermission) -> bool {
    permission.recorder
}

pub fn live_track(sent: proto::TrackInfo) -> ObservedTrack {
    ObservedTrack {
        kind: track_kind(sent.r#type().as_str_name()),
        source: track_source(sent.source().as_str_name()),
        encrypted: sent.encryption() != proto::encryption::Type::None,
        sid: sent.sid.into(),
        mime_type: sent.mime_type,
    }
}
