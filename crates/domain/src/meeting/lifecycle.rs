//! When a meeting opens and closes.

use chrono::{DateTime, Utc};

use super::{Env, Meeting, MeetingHead, MeetingState};
use crate::MeetingId;
use crate::event::{EventKind, EventRoom, PlatformEvent};
use crate::platform_room::PlatformRoomRef;
use crate::room::Room;

/// The meetings of one room that an event may change, while they are changed.
pub(super) struct MeetingDraft {
    pub room: Room,
    pub url: Option<String>,
    pub meeting: Option<Meeting>,
    pub newest_other: Option<Meeting>,
}

/// Closes the room's other meeting if the event belongs to a newer platform room. Capture reports do not count: they
/// may arrive long after their room has ended.
pub(super) fn close_older_meeting(draft: &mut MeetingDraft, platform_room: &EventRoom, event: &PlatformEvent) {
    let is_report = matches!(
        event.kind,
        EventKind::CaptureStarted(_) | EventKind::CaptureUpdated(_) | EventKind::CaptureEnded(_)
    );
    let started_at = draft
        .meeting
        .as_ref()
        .map(|m| m.head.started_at)
        .or(platform_room.created_at)
        .unwrap_or(event.occurred_at);
    if let Some(other) = draft
        .newest_other
        .as_mut()
        .filter(|o| !is_report && o.head.is_open() && o.head.started_at < started_at)
    {
        other.close(started_at);
        other.end_intervals(&[]);
    }
}

/// Returns a new meeting; already closed if the room has had a newer one.
pub(super) fn open_meeting(
    draft: &MeetingDraft,
    platform_room: &EventRoom,
    first_event_at: DateTime<Utc>,
    env: Env<'_>,
) -> Meeting {
    let started_at = platform_room.created_at.unwrap_or(first_event_at);
    let newer = draft
        .newest_other
        .as_ref()
        .map(|other| other.head.started_at)
        .filter(|newer| *newer > started_at);
    let state = match newer {
        Some(ended_at) => MeetingState::Closed { ended_at },
        None => MeetingState::Open { missing_since: None },
    };
    let head = MeetingHead {
        id: MeetingId((env.ids)()),
        room_id: draft.room.id,
        platform_room: PlatformRoomRef {
            platform: draft.room.platform,
            key: platform_room.key.clone(),
            session: platform_room.session.clone(),
            url: draft.url.clone(),
        },
        started_at,
        state,
    };
    Meeting {
        head,
        participants: Vec::new(),
        connections: Vec::new(),
        tracks: Vec::new(),
        captures: Vec::new(),
        recordings: Vec::new(),
    }
}

impl Meeting {
    /// Closes the meeting. If several ends are reported, the earliest counts.
    pub(super) fn close(&mut self, at: DateTime<Utc>) {
        let ended_at = self.head.ended_at().map_or(at, |known| known.min(at));
        self.head.state = MeetingState::Closed { ended_at };
    }
}
