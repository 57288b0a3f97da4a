//! Compares the platform's list of what is live with what we know, for webhooks that were lost.

use chrono::{DateTime, TimeDelta, Utc};

use super::lifecycle::open_meeting;
use super::{Change, Env, EventContext, Meeting, MeetingState, Outcome};
use crate::PlatformCaptureId;
use crate::event::{EventRoom, TrackEvent};
use crate::participant::{ObservedParticipant, ParticipantKind};
use crate::recording::FailureReason;
use crate::room::Room;
use crate::track::ObservedTrack;

/// A meeting closes once two successful polls, at least this far apart, do not list its room.
const UNLISTED_TO_CLOSE: TimeDelta = TimeDelta::seconds(15);

/// The same on a platform that lists a room only while somebody is in it: after a network failure, everyone may be about to
/// come back.
const EMPTY_TO_CLOSE: TimeDelta = TimeDelta::seconds(60);

/// A capture that is still open this long after its meeting closed is stuck.
const STUCK_AFTER: TimeDelta = TimeDelta::minutes(5);

/// A platform room as the platform describes it now.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveRoom {
    /// The platform room.
    pub room: EventRoom,
    /// When the platform was asked.
    pub listed_at: DateTime<Utc>,
    /// Everyone who is connected now, recorders included.
    pub participants: Vec<LiveParticipant>,
}

/// A connected participant and the tracks that they publish now.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveParticipant {
    /// The participant and their connection.
    pub participant: ObservedParticipant,
    /// The tracks that they publish.
    pub tracks: Vec<ObservedTrack>,
    /// The captures that it records, if it is a recorder that announces them.
    pub capture_ids: Vec<PlatformCaptureId>,
    /// What a live recorder changes every few seconds, if it is one that does: the platform may go on listing a dead one.
    pub beat: Option<String>,
}

impl EventContext {
    /// Adds participants and tracks whose webhooks were lost, notices recorders that have left, and requests missing
    /// recordings. Removes nothing: the list may be stale.
    pub fn reconcile(&self, live: &LiveRoom, env: Env<'_>) -> Change {
        let (mut draft, mut panicked) = (self.draft(), Vec::new());
        if draft.meeting.is_none() && live.participants.iter().any(|p| p.participant.kind.is_person()) {
            let mut meeting = open_meeting(&draft, &live.room, env.now, env);
            panicked = self.apply_deferred(&mut meeting, env);
            if let Some(older) = draft
                .newest_other
                .as_mut()
                .filter(|o| o.head.is_open() && meeting.head.is_open())
            {
                older.close(meeting.head.started_at);
                older.end_intervals(&[]);
            }
            draft.meeting = Some(meeting);
        }
        if let Some(meeting) = draft.meeting.as_mut().filter(|m| m.head.is_open()) {
            meeting.observe_room(live, &self.room, env);
        }
        Change {
            panicked,
            ..self.change_to(&draft, Outcome::Applied)
        }
    }
}

impl Meeting {
    /// Records that a successful poll of the platform listed this meeting's room.
    pub fn mark_listed(&self) -> Change {
        self.edited(|meeting| {
            if let MeetingState::Open { missing_since } = &mut meeting.head.state {
                *missing_since = None;
            }
        })
    }

    /// Records that a successful poll of the platform did not list this meeting's room. The second such poll in a row,
    /// 15 s or more after the first, closes the meeting at the time of the first; 60 s where only rooms with people are
    /// listed. A failed poll does not count.
    pub fn mark_unlisted(&self, now: DateTime<Utc>) -> Change {
        let time_to_close = match self.head.platform_room.platform.has_sessions() {
            true => EMPTY_TO_CLOSE,
            false => UNLISTED_TO_CLOSE,
        };
        self.edited(|meeting| match &mut meeting.head.state {
            MeetingState::Open {
                missing_since: Some(since),
            } if now - *since >= time_to_close => {
                let since = *since;
                meeting.close(since);
                meeting.end_intervals(&[]);
            }
            MeetingState::Open { missing_since } => *missing_since = missing_since.or(Some(now)),
            MeetingState::Closed { .. } => {}
        })
    }

    /// Fails captures that are still open 5 min after the meeting closed, so that its transcript can be made.
    pub fn fail_stuck_captures(&self, now: DateTime<Utc>) -> Change {
        self.edited(|meeting| {
            let is_over = meeting
                .head
                .ended_at()
                .is_some_and(|ended_at| now - ended_at >= STUCK_AFTER);
            let open = meeting.captures.iter().filter(|c| is_over && c.is_open());
            for id in open.map(|c| c.id).collect::<Vec<_>>() {
                meeting.infer_failure(id, FailureReason::Stuck, None, now);
            }
        })
    }

    fn observe_room(&mut self, live: &LiveRoom, room: &Room, env: Env<'_>) {
        if let Some(created_at) = live.room.created_at {
            self.set_start(created_at);
        }
        for LiveParticipant {
            participant, tracks, ..
        } in live.people()
        {
            self.joined(participant, env.now, room, env);
            for track in tracks {
                self.published(&published(participant, track), env.now, room, env);
            }
        }
        self.cover(live, room, env);
    }
}

impl LiveRoom {
    /// Everyone but recorders.
    pub(super) fn people(&self) -> impl Iterator<Item = &LiveParticipant> {
        self.participants
            .iter()
            .filter(|p| p.participant.kind != ParticipantKind::Recorder)
    }

    /// Whether a connected recorder records for this capture. One that announces nothing, such as a recorder that we do not
    /// know, may record anything.
    pub(super) fn has_recorder_of(&self, capture: &PlatformCaptureId) -> bool {
        self.participants
            .iter()
            .filter(|p| p.participant.kind == ParticipantKind::Recorder)
            .any(|p| p.capture_ids.is_empty() || p.capture_ids.contains(capture))
    }
}

fn published(publisher: &ObservedParticipant, track: &ObservedTrack) -> TrackEvent {
    TrackEvent {
        identity: publisher.identity.clone(),
        participant_sid: publisher.sid.clone(),
        track: track.clone(),
    }
}
