//! What a reconciler sees by looking at the platform, for when no event told us.

use chrono::{DateTime, TimeDelta, Utc};

use super::event_context::Scene;
use super::lifecycle::open;
use super::{Change, Meeting, MeetingState, Outcome, Situation, Source};
use crate::event::{EventRoom, TrackEvent};
use crate::participant::{ParticipantKind, ParticipantSeen};
use crate::recording::{Failed, FailureReason, Recording};
use crate::room::Room;
use crate::track::{NotRecorded, TrackSeen};

/// Two successful looks, at least so long apart, that do not name a room close its meeting.
const MISSING_TO_CLOSE: TimeDelta = TimeDelta::seconds(15);

/// An egress that is open so long after its meeting closed will not end by itself.
const STUCK_AFTER: TimeDelta = TimeDelta::minutes(5);

/// How often a track is asked for again after its first request.
const MAX_REPEATS: usize = 5;

/// How long after a request the next one may follow; doubled with each repeat.
const REPEAT_AFTER: TimeDelta = TimeDelta::seconds(15);

/// A platform room as the platform describes it now.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveRoom {
    pub room: EventRoom,
    pub participants: Vec<LiveParticipant>,
}

/// A participant and what it publishes now.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveParticipant {
    pub seen: ParticipantSeen,
    pub tracks: Vec<TrackSeen>,
}

impl Situation {
    /// Makes known whom and what no event told us of, and asks for the recordings that are missing. Ends nothing: what
    /// the list lacks may have come after it was made.
    pub fn look(&self, live: &LiveRoom, source: Source<'_>) -> Change {
        let mut scene = Scene::of(self);
        if scene.meeting.is_none() && live.participants.iter().any(|p| p.seen.kind.is_person()) {
            let mut meeting = open(&scene, &live.room, source.now, source);
            self.take_kept(&mut meeting, source);
            if let Some(older) = scene
                .other
                .as_mut()
                .filter(|o| o.head.is_open() && meeting.head.is_open())
            {
                older.close(meeting.head.started_at);
                older.bound_times(&[]);
            }
            scene.meeting = Some(meeting);
        }
        if let Some(meeting) = scene.meeting.as_mut().filter(|m| m.head.is_open()) {
            meeting.see(live, &self.room, source);
        }
        scene.change_from(self, Outcome::Applied)
    }
}

impl Meeting {
    /// A successful look at the platform named this meeting's room.
    pub fn present(&self) -> Change {
        self.edited(|meeting| {
            if let MeetingState::Open { missing_since } = &mut meeting.head.state {
                *missing_since = None;
            }
        })
    }

    /// A successful look at the platform did not name this meeting's room. An error is no look.
    pub fn absent(&self, now: DateTime<Utc>) -> Change {
        self.edited(|meeting| match &mut meeting.head.state {
            MeetingState::Open {
                missing_since: Some(since),
            } if now - *since >= MISSING_TO_CLOSE => {
                let since = *since;
                meeting.close(since);
                meeting.bound_times(&[]);
            }
            MeetingState::Open { missing_since } => *missing_since = missing_since.or(Some(now)),
            MeetingState::Closed { .. } => {}
        })
    }

    /// Gives up what is still open long after the meeting has closed, so that its transcript does not wait for ever.
    pub fn give_up_stuck(&self, now: DateTime<Utc>) -> Change {
        self.edited(|meeting| {
            let is_over = meeting
                .head
                .ended_at()
                .is_some_and(|ended_at| now - ended_at >= STUCK_AFTER);
            for recording in meeting.recordings.iter_mut().filter(|r| is_over && r.is_open()) {
                recording.give_up(FailureReason::Stuck, None, now);
            }
        })
    }

    fn see(&mut self, live: &LiveRoom, room: &Room, source: Source<'_>) {
        if let Some(created_at) = live.room.created_at {
            self.start_at(created_at);
        }
        for participant in live
            .participants
            .iter()
            .filter(|p| p.seen.kind != ParticipantKind::Egress)
        {
            self.joined(&participant.seen, source.now, room, source);
            for track in &participant.tracks {
                self.see_track(&participant.seen, track, room, source);
            }
        }
    }

    fn see_track(&mut self, publisher: &ParticipantSeen, track: &TrackSeen, room: &Room, source: Source<'_>) {
        let of = TrackEvent {
            identity: publisher.identity.clone(),
            participant_sid: publisher.sid.clone(),
            track: track.clone(),
        };
        self.published(&of, source.now, room, source);
        let Some(known) = self.tracks.iter().position(|t| t.sid == track.sid) else {
            return;
        };
        if self.is_missing(known, room, source.now) {
            self.tracks[known].not_recorded = None;
            self.request(known, source);
        }
    }

    /// Whether a live track that is to be recorded is not being recorded, and may be asked for (again) by now.
    fn is_missing(&self, track: usize, room: &Room, now: DateTime<Utc>) -> bool {
        if self.tracks[track].not_recorded == Some(NotRecorded::NoAudio) || self.refusal(track, room).is_some() {
            return false;
        }
        let asked: Vec<&Recording> = self.recordings_of(self.tracks[track].id).collect();
        if asked.len() > MAX_REPEATS || asked.iter().any(|r| r.is_open()) {
            return false;
        }
        let Some(last) = asked.iter().map(|r| r.requested_at).max() else {
            return true;
        };
        now - last >= REPEAT_AFTER * (1 << (asked.len() - 1))
    }
}

impl Recording {
    pub(super) fn give_up(&mut self, reason: FailureReason, error: Option<String>, now: DateTime<Utc>) {
        let failed = Failed {
            reason,
            error,
            started_at: self.state.started_at(),
            ended_at: Some(now),
        };
        if let Ok(state) = self.state.clone().fail(failed) {
            self.state = state;
        }
    }
}
