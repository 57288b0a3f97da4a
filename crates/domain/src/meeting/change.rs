//! What is to be written: the difference between a meeting before and after.

use super::fact::{Fact, facts};
use super::{Meeting, MeetingHead};
use crate::CaptureId;
use crate::capture::{Capture, CaptureState};
use crate::event::EventKey;
use crate::job::Job;
use crate::participant::{Connection, Participant};
use crate::recording::Recording;
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
        /// The event's name is unknown, or the event lacks its participant, track or capture.
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
    /// Captures to delete, with their recordings: requests found to be unwanted before the platform was asked.
    pub withdrawn: Vec<CaptureId>,
    /// Captures to insert or update.
    pub captures: Vec<Capture>,
    /// Recordings to insert or update.
    pub recordings: Vec<Recording>,
    /// Jobs to queue.
    pub jobs: Vec<Job>,
    /// Deferred events that made this program panic. They have no effect, and are judged again by themselves.
    pub panicked: Vec<EventKey>,
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
            captures: Vec::new(),
            recordings: Vec::new(),
            jobs: Vec::new(),
            panicked: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// Whether there is nothing to write or to queue.
    pub fn is_empty(&self) -> bool {
        *self == Self::new(self.outcome)
    }

    /// Adds a job, unless it is queued already.
    pub(super) fn with_job(mut self, job: Job) -> Self {
        if !self.jobs.contains(&job) {
            self.jobs.push(job);
        }
        self
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
        self.captures
            .extend(changed(before.map(|b| &b.captures), &after.captures, |c| c.id));
        self.recordings
            .extend(changed(before.map(|b| &b.recordings), &after.recordings, |r| r.id));
        self.withdrawn.extend(
            before
                .iter()
                .flat_map(|b| &b.captures)
                .map(|c| c.id)
                .filter(|id| after.capture(*id).is_none()),
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
    let meeting_id = after.head.id;
    let old = |r: &Recording| before.and_then(|b| b.recording(r.id));
    let old_capture = |c: &Capture| before.and_then(|b| b.capture(c.id));
    let starts = after.captures.iter().filter_map(|c| start_job(old_capture(c), c));
    let mut jobs: Vec<Job> = starts.collect();
    jobs.extend(after.recordings.iter().filter_map(|r| next_job(old(r), r)));
    if after.head.is_open() && after.captures.iter().any(|c| needs_check(old_capture(c), c, after)) {
        jobs.push(Job::CheckRoom { meeting_id });
    }
    if after.is_settled() && !before.is_some_and(|b| b.is_settled() && same_transcript(b, after)) {
        jobs.push(Job::MergeTranscript { meeting_id });
    }
    jobs
}

/// Returns the job that asks the platform, if a capture was just requested.
fn start_job(before: Option<&Capture>, after: &Capture) -> Option<Job> {
    let is_requested = |capture: &Capture| capture.state == CaptureState::Requested;
    let is_new = is_requested(after) && !before.is_some_and(is_requested);
    is_new.then_some(Job::StartRecording { capture_id: after.id })
}

/// Returns the job that a recording needs next, if it has just reached the state that calls for it.
fn next_job(before: Option<&Recording>, after: &Recording) -> Option<Job> {
    let recording_id = after.id;
    let is_new = |calls_for: fn(&Recording) -> bool| calls_for(after) && !before.is_some_and(calls_for);
    if is_new(Recording::awaits_acceptance) {
        return Some(Job::AcceptRecording { recording_id });
    }
    is_new(Recording::awaits_transcription).then_some(Job::TranscribeTrack { recording_id })
}

/// Whether the platform should be asked who is in the room: a recorder may have left, or has ended while its track is
/// live.
fn needs_check(before: Option<&Capture>, after: &Capture, meeting: &Meeting) -> bool {
    let was_missing = before.is_some_and(|c| c.missing_since.is_some());
    if after.is_open() {
        return after.missing_since.is_some() && !was_missing;
    }
    before.is_some_and(Capture::is_open)
        && meeting.live_tracks().any(|track| after.is_of(track))
        && !meeting.captures.iter().any(|c| c.target == after.target && c.is_open())
}

/// Whether both meetings would give the same transcript.
fn same_transcript(before: &Meeting, after: &Meeting) -> bool {
    before.head.started_at == after.head.started_at
        && before.tracks == after.tracks // they tell what is missing
        && before.recordings.len() == after.recordings.len()
        && before
            .recordings
            .iter()
            .zip(&after.recordings)
            .all(|(b, a)| same_words(b, a))
}

fn same_words(before: &Recording, after: &Recording) -> bool {
    (before.id, &before.state, &before.acceptance, before.transcription)
        == (after.id, &after.state, &after.acceptance, after.transcription)
}
