//! Translates Whereby's webhook events into domain events.

use chrono::{DateTime, Utc};
use domain::event::{EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind};
use domain::participant::{ObservedParticipant, ParticipantKind};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::insights::Attendee;
use super::role::WherebyRole;
use super::room::plain_room_name;
use super::{report, wire};
use crate::event_id::event_id;
use crate::{VerifiedEvent, WebhookError, redact};

/// Parses a verified body. Unknown events become [`EventKind::Unknown`].
pub fn read(body: &[u8], now: DateTime<Utc>) -> Result<VerifiedEvent, WebhookError> {
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(WebhookError::InvalidBody)?;
    let mut stored_body = Value::Object(fields);
    redact::redact(&mut stored_body, &[]);
    let sent = wire::WebhookEvent::deserialize(&stored_body).map_err(WebhookError::InvalidBody)?;
    let event = PlatformEvent {
        key: EventKey {
            platform: PlatformKind::Whereby,
            id: event_id(&sent.id, body),
        },
        occurred_at: sent.created_at.unwrap_or(now),
        room: room(&sent.data),
        kind: kind(&sent).unwrap_or(EventKind::Unknown),
        name: sent.name,
    };
    Ok(VerifiedEvent { event, stored_body })
}

/// Returns the event's room. Its key is the room's name, because that is all that events of recordings have.
fn room(sent: &wire::Data) -> Option<EventRoom> {
    let name = Some(plain_room_name(&sent.room_name)).filter(|name| !name.is_empty())?;
    Some(EventRoom {
        name: None,
        key: name.into(),
        session: Some(sent.room_session_id.as_str())
            .filter(|id| !id.is_empty())
            .map(Into::into),
        created_at: None,
    })
}

/// Returns `None` for an event that is unknown or lacks its participant. Nothing here ends a meeting: `room.session.ended`
/// comes while one person is still there, and a late or repeated event has an old number of clients.
fn kind(sent: &wire::WebhookEvent) -> Option<EventKind> {
    Some(match sent.name.as_str() {
        "room.client.joined" => EventKind::ParticipantJoined(participant(sent)?),
        "room.client.left" => EventKind::ParticipantLeft(participant(sent)?),
        "recording.finished" => EventKind::CaptureEnded(report::finished(&sent.data)?),
        _ => return None,
    })
}

fn participant(sent: &wire::WebhookEvent) -> Option<ObservedParticipant> {
    let data = &sent.data;
    let joined_at = sent.created_at.filter(|_| sent.name == "room.client.joined");
    observed(&Attendee {
        id: data.participant_id.clone(),
        external_id: data.external_id.clone(),
        display_name: data.display_name.clone(),
        role: WherebyRole::parse(&data.role_name),
        joined_at,
        left_at: None,
    })
}

/// Returns `None` for somebody without an id. The identity is what we put into the address that they opened; somebody who
/// opened a plain address has the id of the connection in its place.
pub fn observed(attendee: &Attendee) -> Option<ObservedParticipant> {
    if attendee.id.is_empty() {
        return None;
    }
    let identity = match attendee.external_id.as_str() {
        "" => &attendee.id,
        ours => ours,
    };
    Some(ObservedParticipant {
        sid: attendee.id.as_str().into(),
        identity: identity.into(),
        display_name: attendee.display_name.clone(),
        kind: participant_kind(&attendee.role),
        joined_at: attendee.joined_at,
    })
}

fn participant_kind(role: &WherebyRole) -> ParticipantKind {
    match role {
        WherebyRole::Host | WherebyRole::Guest | WherebyRole::Unknown(_) => ParticipantKind::Standard,
        WherebyRole::Recorder => ParticipantKind::Recorder,
        WherebyRole::Program => ParticipantKind::Other,
    }
}

#[cfg(test)]
mod tests;
