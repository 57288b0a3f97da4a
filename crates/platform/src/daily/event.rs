//! Translates Daily's webhook events into domain events.

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{CaptureReport, EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind};
use domain::participant::{ObservedParticipant, ParticipantKind};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{presence, report, wire};
use crate::event_id::event_id;
use crate::{VerifiedEvent, WebhookError, redact};

/// Parses a verified body. Unknown events become [`EventKind::Unknown`].
pub fn read(body: &[u8], now: DateTime<Utc>) -> Result<VerifiedEvent, WebhookError> {
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(WebhookError::InvalidBody)?;
    let mut stored_body = Value::Object(fields);
    redact::redact(&mut stored_body, wire::SECRET_FIELDS);
    let sent = wire::WebhookEvent::deserialize(&stored_body).map_err(WebhookError::InvalidBody)?;
    let event = PlatformEvent {
        key: EventKey {
            platform: PlatformKind::Daily,
            id: event_id(&sent.id, body),
        },
        occurred_at: occurred_at(&sent).unwrap_or(now),
        room: room(&sent),
        kind: kind(&sent).unwrap_or(EventKind::Unknown),
        name: sent.name,
    };
    Ok(VerifiedEvent { event, stored_body })
}

/// Returns the time that the event is about. Daily sends some events 20 s after it.
fn occurred_at(sent: &wire::WebhookEvent) -> Option<DateTime<Utc>> {
    let payload = &sent.payload;
    let about = match sent.name.as_str() {
        "meeting.started" => payload.start_ts,
        "meeting.ended" => payload.end_ts,
        "participant.joined" => payload.joined_at,
        "participant.left" => end(payload.joined_at, payload.duration),
        "recording.error" => payload.timestamp,
        _ => None,
    };
    about.or(sent.event_ts)
}

/// Adds whole seconds; `None` if either is missing or the sum is no time.
fn end(start: Option<DateTime<Utc>>, seconds: Option<i64>) -> Option<DateTime<Utc>> {
    let length = TimeDelta::try_seconds(seconds.filter(|seconds| *seconds >= 0)?)?;
    start?.checked_add_signed(length)
}

/// Returns the event's room. Daily documents none for `recording.started`.
fn room(sent: &wire::WebhookEvent) -> Option<EventRoom> {
    let payload = &sent.payload;
    let name = [&payload.room, &payload.room_name]
        .into_iter()
        .find(|name| !name.is_empty())?;
    let is_about_call = sent.name.starts_with("meeting.");
    Some(EventRoom {
        name: None,
        key: name.as_str().into(),
        session: Some(payload.meeting_id.as_str())
            .filter(|id| !id.is_empty())
            .map(Into::into),
        created_at: payload.start_ts.filter(|_| is_about_call),
    })
}

/// Returns `None` for an event that is unknown or lacks its participant. Somebody who waits to be let in is not in the call.
fn kind(sent: &wire::WebhookEvent) -> Option<EventKind> {
    let payload = &sent.payload;
    Some(match sent.name.as_str() {
        "meeting.started" => EventKind::MeetingStarted,
        "meeting.ended" => EventKind::MeetingEnded,
        "participant.joined" => EventKind::ParticipantJoined(participant(payload)?),
        "participant.left" => EventKind::ParticipantLeft(participant(payload)?),
        "recording.started" => EventKind::CaptureStarted(report::started(payload)?),
        "recording.ready-to-download" => ended(report::ready(payload)?),
        "recording.error" => EventKind::CaptureEnded(report::failed(payload)),
        _ => return None,
    })
}

/// A capture whose files are not known yet has not ended for us.
fn ended(report: CaptureReport) -> EventKind {
    if report.status.is_terminal() {
        EventKind::CaptureEnded(report)
    } else {
        EventKind::CaptureUpdated(report)
    }
}

fn participant(sent: &wire::Payload) -> Option<ObservedParticipant> {
    let (session, user) = (sent.session_id.clone(), sent.user_id.clone());
    presence::person(session, user, sent.user_name.clone(), sent.joined_at).map(observed)
}

/// Everyone in a Daily call is a person: its recorder does not join.
pub fn observed(present: presence::Present) -> ObservedParticipant {
    ObservedParticipant {
        sid: present.session_id.into(),
        identity: present.user_id.into(),
        display_name: present.display_name,
        kind: ParticipantKind::Standard,
        joined_at: present.joined_at,
    }
}

#[cfg(test)]
mod tests;
