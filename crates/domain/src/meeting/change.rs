//! What is to be written: the difference between a meeting before and after.

use super::fact::{Fact, facts};
use super::{Meeting, MeetingHead};
use crate::RecordingId;
use crate::job::Job;
use crate::participant::{Connection, Participant};
use crate::recording::{Recording, RecordingState};
use crate::text_enum::text_enum;
use crate::track::Track;

text_enum! {
    /// The outcome of judging an event; stored with the event in the inbox.
    Outcome {
        /// The event has been applied to its meeting.
        Applied = "applied",
        /// The event concerns something that is not known yet. [`EventContext::apply`](super::EventContext::apply)
        /// judges it again with each later event of its platform room.
        Deferred = "deferred",
        /// The event's name is unknown, or the event lacks its participant, track or egress.
        UnknownEvent = "unknown_event",
        /// The event's room is not one of ours.
        ForeignRoom = "foreign_room",
        /// The event is known and has no effect.
        Ignored = "ignored",
    }
}

/// Whole rows to write, matched by their ids, and jobs to queue.
///
/// Rows are written in the order of the fields. In `meetings`, a meeting that closes comes before one that opens, so
/// that a room never has two open meetings.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The outcome of the event that caused the change; [`Outcome::Applied`] for other causes.
    pub outcome: Outcome,
    /// Meetings to insert or update.
    pub meetings: Vec<MeetingHead>,
    /// Participants to insert or update.
    pub participants: Vec<Participant>,
    /// Connections to insert or update.
    pub connections: Vec<Connection>,
    /// Tracks to insert or update.
    pub tracks: Vec<Track>,
    /// Recordings to delete: requests found to be unwanted before an egress was asked for.
    pub withdrawn: Vec<RecordingId>,
    /// Recordings to insert or update.
    pub recordings: Vec<Recording>,
    /// Jobs to queue.
    pub jobs: Vec<Job>,
    /// What happens by this change, to be published when it is committed.
    pub facts: Vec<Fact>,
}

impl Change {
    /// Creates a change that writes nothing.
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
            facts: Vec::new(),
        }
    }

    /// Whether there is nothing to write or to queue.
    pub fn is_empty(&self) -> bool {
        *self == Self::new(self.outcome)
    }

    /// Adds the difference between `before` and `after`.
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
        self.jobs.extend(new_jobs(before, after));
        self.facts.extend(facts(before, after));
    }
}

fn changed<T: Clone + PartialEq, Id: PartialEq>(before: Option<&Vec<T>>, after: &[T], id: impl Fn(&T) -> Id) -> Vec<T> {
    let old = |row: &T| before.and_then(|rows| rows.iter().find(|old| id(old) == id(row)));
    after.iter().filter(|row| old(row) != Some(row)).cloned().collect()
}

fn new_jobs(before: Option<&Meeting>, after: &Meeting) -> Vec<Job> {
    let old = |r: &Recording| before.and_then(|b| b.recording(r.id)).cloned();
    let mut jobs: Vec<Job> = after
        .recordings
        .iter()
        .filter_map(|r| next_job(old(r).as_ref(), r))
        .collect();
    if after.is_settled() && !before.is_some_and(|b| b.is_settled() && same_transcript(b, after)) {
        jobs.push(Job::MergeTranscript {
            meeting_id: after.head.id,
        });
    }
    jobs
}

/// Returns the job that a recording needs next, if it has just reached the state that calls for it.
fn next_job(before: Option<&Recording>, after: &Recording) -> Option<Job> {
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

/// Whether both meetings would give the same transcript.
fn same_transcript(before: &Meeting, after: &Meeting) -> bool {
    before.recordings == after.recordings && before.head.started_at == after.head.started_at
}
