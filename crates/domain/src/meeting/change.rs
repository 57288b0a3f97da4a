//! What is to be written: the difference between a meeting before and after.

use super::{Meeting, MeetingHead};
use crate::RecordingId;
use crate::job::Job;
use crate::participant::{Connection, Participant};
use crate::recording::{Recording, RecordingState};
use crate::text_enum::text_enum;
use crate::track::Track;

text_enum! {
    /// What became of an event; kept beside it in the inbox.
    Outcome {
        Applied = "applied",
        /// It concerns something that is not known yet: it is to be put before [`super::Situation::apply`] again with
        /// each later event of its platform room.
        Kept = "kept",
        /// A name that this version does not know.
        UnknownEvent = "unknown_event",
        /// Its room is not ours.
        ForeignRoom = "foreign_room",
        /// Known, and nothing to us.
        Ignored = "ignored",
    }
}

/// Whole rows to write, by their ids, in this order: meetings, participants, connections, tracks, withdrawn, recordings.
/// In `meetings` one that closes stands before one that opens, so that a room never has two open ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub outcome: Outcome,
    pub meetings: Vec<MeetingHead>,
    pub participants: Vec<Participant>,
    pub connections: Vec<Connection>,
    pub tracks: Vec<Track>,
    /// Requests that turned out to be unwanted before any egress was asked for: rows to delete.
    pub withdrawn: Vec<RecordingId>,
    pub recordings: Vec<Recording>,
    pub jobs: Vec<Job>,
}

impl Change {
    /// A change that writes nothing.
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            meetings: Vec::new(),
            participants: Vec::new(),
            connections: Vec::new(),
            tracks: Vec::new(),
            withdrawn: Vec::new(),
            recordings: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// Whether there is nothing to write or to queue.
    pub fn is_empty(&self) -> bool {
        *self == Self::new(self.outcome)
    }

    /// Adds what leads from `before` to `after`.
    pub(super) fn add(&mut self, before: Option<&Meeting>, after: &Meeting) {
        if before.map(|b| &b.head) != Some(&after.head) {
            self.meetings.push(after.head.clone());
        }
        self.participants
            .extend(changed(before.map(|b| &b.participants), &after.participants, |p| p.id));
        self.connections
            .extend(changed(before.map(|b| &b.connections), &after.connections, |c| c.id));
        self.tracks
            .extend(changed(before.map(|b| &b.tracks), &after.tracks, |t| t.id));
        self.recordings
            .extend(changed(before.map(|b| &b.recordings), &after.recordings, |r| r.id));
        self.withdrawn.extend(
            before
                .iter()
                .flat_map(|b| &b.recordings)
                .map(|r| r.id)
                .filter(|id| after.recording(*id).is_none()),
        );
        self.jobs.extend(jobs(before, after));
    }
}

fn changed<T: Clone + PartialEq, Id: PartialEq>(before: Option<&Vec<T>>, after: &[T], id: impl Fn(&T) -> Id) -> Vec<T> {
    let old = |row: &T| before.and_then(|rows| rows.iter().find(|old| id(old) == id(row)));
    after.iter().filter(|row| old(row) != Some(row)).cloned().collect()
}

fn jobs(before: Option<&Meeting>, after: &Meeting) -> Vec<Job> {
    let old = |r: &Recording| before.and_then(|b| b.recording(r.id)).cloned();
    let mut jobs: Vec<Job> = after
        .recordings
        .iter()
        .filter_map(|r| job_of(old(r).as_ref(), r))
        .collect();
    if after.is_settled() && !before.is_some_and(|b| b.is_settled() && same_words(b, after)) {
        jobs.push(Job::MergeTranscript {
            meeting_id: after.head.id,
        });
    }
    jobs
}

/// What a recording asks for next, if it has just come to that.
fn job_of(before: Option<&Recording>, after: &Recording) -> Option<Job> {
    let recording_id = after.id;
    let was_complete = before.is_some_and(|r| matches!(r.state, RecordingState::Complete(_)));
    match after.state {
        RecordingState::Requested if before.is_none() => Some(Job::StartRecording { recording_id }),
        RecordingState::Complete(_) if !was_complete => Some(Job::AcceptRecording { recording_id }),
        RecordingState::Complete(_) if after.acceptance.is_some() && before.is_some_and(|r| r.acceptance.is_none()) => {
            Some(Job::TranscribeTrack { recording_id })
        }
        _ => None,
    }
}

/// Whether a transcript made of the one would be the same made of the other.
fn same_words(before: &Meeting, after: &Meeting) -> bool {
    before.recordings == after.recordings && before.head.started_at == after.head.started_at
}
