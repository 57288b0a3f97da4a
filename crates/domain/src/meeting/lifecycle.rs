//! When a meeting opens and closes.

use chrono::{DateTime, Utc};

use super::event_context::Scene;
use super::{Meeting, MeetingHead, MeetingState, Source};
use crate::MeetingId;
use crate::event::{EventKind, EventRoom, PlatformEvent};

/// Closes the room's other meeting if the event belongs to a newer platform room. Reports of recordings do not count:
/// they come long after their room.
pub(super) fn close_older(scene: &mut Scene, place: &EventRoom, event: &PlatformEvent) {
    let is_report = matches!(
        event.kind,
        EventKind::RecordingStarted(_) | EventKind::RecordingUpdated(_) | EventKind::RecordingEnded(_)
    );
    let began = scene
        .meeting
        .as_ref()
        .map(|m| m.head.started_at)
        .or(place.created_at)
        .unwrap_or(event.occurred_at);
    if let Some(other) = scene
        .other
        .as_mut()
        .filter(|o| !is_report && o.head.is_open() && o.head.started_at < began)
    {
        other.close(began);
        other.bound_times(&[]);
    }
}

/// A new meeting; closed from the start if the room has had a newer one.
pub(super) fn open(scene: &Scene, place: &EventRoom, first_seen: DateTime<Utc>, source: Source<'_>) -> Meeting {
    let started_at = place.created_at.unwrap_or(first_seen);
    let newer = scene
        .other
        .as_ref()
        .map(|other| other.head.started_at)
        .filter(|newer| *newer > started_at);
    let state = match newer {
        Some(ended_at) => MeetingState::Closed { ended_at },
        None => MeetingState::Open { missing_since: None },
    };
    let head = MeetingHead {
        id: MeetingId((source.ids)()),
        room_id: scene.room.id,
        platform: scene.room.platform,
        platform_room_sid: place.sid.clone(),
        started_at,
        state,
    };
    Meeting {
        head,
        participants: Vec::new(),
        connections: Vec::new(),
        tracks: Vec::new(),
        recordings: Vec::new(),
    }
}

impl Meeting {
    /// Closes it; of several ends that are reported the earliest holds.
    pub(super) fn close(&mut self, at: DateTime<Utc>) {
        let ended_at = self.head.ended_at().map_or(at, |known| known.min(at));
        self.head.state = MeetingState::Closed { ended_at };
    }
}
