//! Translates LiveKit's webhook events into domain events.

use chrono::{DateTime, Utc};
use domain::event::{
    CaptureReport, CapturedFile, EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind, TrackEvent,
};
use domain::participant::{ObservedParticipant, ParticipantKind};
use domain::track::ObservedTrack;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::values::{
    egress_status, millis, nanos, non_empty, object_key, participant_kind, seconds, track_kind, track_source,
};
use super::{KeyOfLocation, wire};
use crate::event_id::event_id;
use crate::{VerifiedEvent, WebhookError, redact};

/// Parses a verified body. Unknown events become [`EventKind::Unknown`].
pub fn read(body: &[u8], now: DateTime<Utc>, key_of: &KeyOfLocation) -> Result<VerifiedEvent, WebhookError> {
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(WebhookError::InvalidBody)?;
    let mut stored_body = Value::Object(fields);
    redact::redact(&mut stored_body, wire::SECRET_FIELDS);
    let sent = wire::WebhookEvent::deserialize(&stored_body).map_err(WebhookError::InvalidBody)?;
    let event = PlatformEvent {
        key: EventKey {
            platform: PlatformKind::Livekit,
            id: event_id(&sent.id, body),
        },
        occurred_at: seconds(sent.created_at).unwrap_or(now),
        room: room(&sent),
        kind: kind(&sent, key_of),
        name: sent.event,
    };
    Ok(VerifiedEvent { event, stored_body })
}

/// Returns the event's room. Egress events name it within the egress; newer servers also at the top level.
fn room(sent: &wire::WebhookEvent) -> Option<EventRoom> {
    let (name, sid, created_at) = match (&sent.room, &sent.egress_info) {
        (Some(room), _) => (
            &room.name,
            &room.sid,
            millis(room.creation_time_ms).or(seconds(room.creation_time)),
        ),
        (None, Some(egress)) => (&egress.room_name, &egress.room_id, None),
        (None, None) => return None,
    };
    if sid.is_empty() {
        return None;
    }
    Some(EventRoom {
        name: Some(name.clone()),
        key: sid.as_str().into(),
        session: None,
        created_at,
    })
}

fn kind(sent: &wire::WebhookEvent, key_of: &KeyOfLocation) -> EventKind {
    kind_of(sent, key_of).unwrap_or(EventKind::Unknown)
}

/// Returns `None` if the event's name is unknown, or if the event lacks its participant, track or egress.
fn kind_of(sent: &wire::WebhookEvent, key_of: &KeyOfLocation) -> Option<EventKind> {
    let participant = || sent.participant.as_ref().and_then(participant);
    let report = || sent.egress_info.as_ref().map(|sent| report(sent, key_of));
    Some(match sent.event.as_str() {
        "room_started" => EventKind::MeetingStarted,
        "room_finished" => EventKind::MeetingEnded,
        "participant_joined" => EventKind::ParticipantJoined(participant()?),
        "participant_left" => EventKind::ParticipantLeft(participant()?),
        "participant_connection_aborted" => EventKind::ParticipantAborted,
        "track_published" => EventKind::TrackPublished(track_event(sent)?),
        "track_unpublished" => EventKind::TrackUnpublished(track_event(sent)?),
        "egress_started" => EventKind::CaptureStarted(report()?),
        "egress_updated" => EventKind::CaptureUpdated(report()?),
        "egress_ended" => EventKind::CaptureEnded(report()?),
        _ => return None,
    })
}

fn participant(sent: &wire::Participant) -> Option<ObservedParticipant> {
    if sent.identity.is_empty() || sent.sid.is_empty() {
        return None;
    }
    let kind = if sent.permission.recorder {
        ParticipantKind::Recorder
    } else {
        participant_kind(&sent.kind)
    };
    Some(ObservedParticipant {
        sid: sent.sid.as_str().into(),
        identity: sent.identity.as_str().into(),
        display_name: sent.name.clone(),
        kind,
        joined_at: millis(sent.joined_at_ms).or(seconds(sent.joined_at)),
    })
}

fn track_event(sent: &wire::WebhookEvent) -> Option<TrackEvent> {
    let (participant, track) = (sent.participant.as_ref()?, sent.track.as_ref()?);
    if participant.identity.is_empty() || track.sid.is_empty() {
        return None;
    }
    Some(TrackEvent {
        identity: participant.identity.as_str().into(),
        participant_sid: participant.sid.as_str().into(),
        track: ObservedTrack {
            sid: track.sid.as_str().into(),
            kind: track_kind(&track.kind),
            source: track_source(&track.source),
            mime_type: track.mime_type.clone(),
            encrypted: !matches!(track.encryption.as_str(), "" | "NONE"),
        },
    })
}

fn report(sent: &wire::Egress, key_of: &KeyOfLocation) -> CaptureReport {
    let file = sent.file_results.first().or(sent.file.as_ref());
    CaptureReport {
        platform_id: non_empty(&sent.egress_id).map(Into::into),
        room_sid: non_empty(&sent.room_id).map(Into::into),
        track_sid: sent
            .track
            .as_ref()
            .and_then(|track| non_empty(&track.track_id))
            .map(Into::into),
        requested_file: sent
            .track
            .as_ref()
            .and_then(|t| non_empty(&t.file.filepath))
            .map(str::to_owned),
        status: egress_status(&sent.status),
        updated_at: nanos(sent.updated_at),
        error: non_empty(&sent.error).map(str::to_owned),
        details: non_empty(&sent.details).map(str::to_owned),
        files: file.map(|file| egress_file(file, key_of)).into_iter().collect(),
        manifest_location: non_empty(&sent.manifest_location).map(str::to_owned),
        started_at: nanos(sent.started_at),
        ended_at: nanos(sent.ended_at),
    }
}

fn egress_file(sent: &wire::File, key_of: &KeyOfLocation) -> CapturedFile {
    CapturedFile {
        key: object_key(&sent.filename, &sent.location, key_of),
        started_at: nanos(sent.started_at),
        ended_at: nanos(sent.ended_at),
        size_bytes: (sent.size > 0).then_some(sent.size),
        ..CapturedFile::default()
    }
}

#[cfg(test)]
mod tests;
