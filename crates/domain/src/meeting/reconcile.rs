//! Compares the platform's list of what is live with what we know, for webhooks that were lost.

use chrono::{DateTime, TimeDelta, Utc};

use super::lifecycle::open_meeting;
use super::{Change, Env, EventContext, Meeting, MeetingState, Outcome};
use crate::event::{EventRoom, TrackEvent};
use crate::participant::{ObservedParticipant, ParticipantKind};
use crate::recording::{FailureReason, Recording};
use crate::room::Room;
use crate::track::{NotRecorded, ObservedTrack};

/// A meeting closes once two successful polls, at least this far apart, do not list its room.
const UNLISTED_TO_CLOSE: TimeDelta = TimeDelta::seconds(15);

/// An egress that is still open this long after its meeting closed is stuck.
const STUCK_AFTER: TimeDelta = TimeDelta::minutes(5);

/// How often recording a track is requested again after the first request.
const MAX_REPEATS: usize = 5;

/// Least time from the first request to the second; doubled with each repeat.
const REPEAT_AFTER: TimeDelta = TimeDelta::seconds(15);

/// A platform room as the platform describes it now.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveRoom {
    /// The platform room.
    pub room: EventRoom,
    /// Everyone who is connected now.
    pub participants: Vec<LiveParticipant>,
}

/// A connected participant and the tracks that they publish now.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveParticipant {
    /// The participant and their connection.
    pub participant: ObservedParticipant,
    /// The tracks that they publish.
    pub tracks: Vec<ObservedTrack>,
}

impl EventContext {
    /// Adds participants and tracks whose webhooks were lost, and requests missing recordings. Removes nothing: the list
    /// may be stale.
    pub fn reconcile(&self, live: &LiveRoom, env: Env<'_>) -> Change {
        let mut draft = self.draft();
        if draft.meeting.is_none() && live.participants.iter().any(|p| p.participant.kind.is_person()) {
            let mut meeting = open_meeting(&draft, &live.room, env.now, env);
            self.apply_deferred(&mut meeting, env);
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
        self.change_to(&draft, Outcome::Applied)
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
    /// 15 s or more after the first, closes the meeting at the time of the first. A failed poll does not count.
    pub fn mark_unlisted(&self, now: DateTime<Utc>) -> Change {
        self.edited(|meeting| match &mut meeting.head.state {
            MeetingState::Open {
                missing_since: Some(since),
            } if now - *since >= UNLISTED_TO_CLOSE => {
                let since = *since;
                meeting.close(since);
                meeting.end_intervals(&[]);
            }
            MeetingState::Open { missing_since } => *missing_since = missing_since.or(Some(now)),
            MeetingState::Closed { .. } => {}
        })
    }

    /// Fails recordings that are still open 5 min after the meeting closed, so that its transcript can be made.
    pub fn fail_stuck_recordings(&self, now: DateTime<Utc>) -> Change {
        self.edited(|meeting| {
            let is_over = meeting
                .head
                .ended_at()
                .is_some_and(|ended_at| now - ended_at >= STUCK_AFTER);
            for recording in meeting.recordings.iter_mut().filter(|r| is_over && r.is_open()) {
                recording.fail(FailureReason::Stuck, None, now);
            }
        })
    }

    fn observe_room(&mut self, live: &LiveRoom, room: &Room, env: Env<'_>) {
        if let Some(created_at) = live.room.created_at {
            self.set_start(created_at);
        }
        for LiveParticipant { participant, tracks } in &live.participants {
            if participant.kind == ParticipantKind::Egress {
                continue;
            }
            self.joined(participant, env.now, room, env);
            for track in tracks {
                self.observe_track(participant, track, room, env);
            }
        }
    }

    fn observe_track(&mut self, publisher: &ObservedParticipant, track: &ObservedTrack, room: &Room, env: Env<'_>) {
        let published = TrackEvent {
            identity: publisher.identity.clone(),
            participant_sid: publisher.sid.clone(),
            track: track.clone(),
        };
        self.published(&published, env.now, room, env);
        let Some(index) = self.tracks.iter().position(|t| t.sid == track.sid) else {
            return;
        };
        if self.lacks_recording(index, room, env.now) {
            self.tracks[index].not_recorded = None;
            self.request_recording(index, env);
        }
    }

    /// Whether a live track should be recorded, is not, and a request (or the next one) is due.
    fn lacks_recording(&self, track: usize, room: &Room, now: DateTime<Utc>) -> bool {
        if self.tracks[track].not_recorded == Some(NotRecorded::NoAudio) || self.refusal(track, room).is_some() {
            return false;
        }
        let requests: Vec<&Recording> = self.recordings_of(self.tracks[track].id).collect();
        if requests.len() > MAX_REPEATS || requests.iter().any(|r| r.is_open()) {
            return false;
        }
        let Some(last) = requests.iter().map(|r| r.requested_at).max() else {
            return true;
        };
        now - last >= REPEAT_AFTER * (1 << (requests.len() - 1))
    }
}
