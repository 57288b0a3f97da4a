//! A live track that should be recorded has a recorder in the room, or gets one.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Env, LiveRoom, Meeting};
use crate::capture::{Capture, CaptureState};
use crate::recording::FailureReason;
use crate::recording::conclusion::Observation;
use crate::room::Room;
use crate::{CaptureId, TrackSid};

/// How long a recorder that has left the room may take to come back before its recordings count as lost. A recorder that
/// was killed and is restarted by its supervisor is back within 3 s.
pub(crate) const RECORDER_MAY_RETURN: TimeDelta = TimeDelta::seconds(5);

/// How long a capture that was requested may take to join the room: it is offered for up to 25 s, then it joins.
const RECORDER_MAY_JOIN: TimeDelta = TimeDelta::seconds(40);

/// Least time from a request that failed to the next one; doubled with each further failure.
const FIRST_BACKOFF: TimeDelta = TimeDelta::seconds(1);

/// Most time from a request that failed to the next one.
const MAX_BACKOFF: TimeDelta = TimeDelta::seconds(30);

impl Meeting {
    /// Compares the recordings of the listed tracks with the listed recorders, and requests what is missing.
    pub(super) fn cover(&mut self, live: &LiveRoom, room: &Room, env: Env<'_>) {
        let listed: BTreeSet<&TrackSid> = live.people().flat_map(|p| &p.tracks).map(|t| &t.sid).collect();
        let tracks: Vec<usize> = (0..self.tracks.len())
            .filter(|i| listed.contains(&self.tracks[*i].sid) && self.tracks[*i].unpublished_at.is_none())
            .collect();
        for track in tracks {
            self.look_for_recorders(track, live);
            if self.lacks_recording(track, room, env.now) {
                self.tracks[track].not_recorded = None;
                self.request_again(track, env);
            }
        }
    }

    /// Notes that a recorder has left the room. Which one, and whether another has taken over, is found out by asking the
    /// platform ([`Job::CheckRoom`](crate::job::Job::CheckRoom)).
    pub(super) fn recorder_left(&mut self, now: DateTime<Utc>) {
        let live: BTreeSet<_> = self.live_tracks().collect();
        let is_open = self.head.is_open();
        let is_live = |capture: &Capture| capture.track().is_some_and(|track| live.contains(&track.id));
        for capture in &mut self.captures {
            if is_open && is_live(capture) && capture.is_open() && capture.platform_id.is_some() {
                capture.missing_since = capture.missing_since.or(Some(now));
            }
        }
    }

    /// Marks recordings as lost whose recorder is not in the room, and opens those again whose recorder is back.
    fn look_for_recorders(&mut self, track: usize, live: &LiveRoom) {
        let track = self.tracks[track].id;
        let ids: Vec<CaptureId> = self.captures_of(track).map(|c| c.id).collect();
        for id in ids {
            let Some(capture) = self.captures.iter_mut().find(|c| c.id == id) else {
                continue; // it has made way for an earlier one
            };
            let Some(platform_id) = &capture.platform_id else {
                continue;
            };
            match (live.has_recorder_of(platform_id), capture.is_open()) {
                (true, true) => capture.missing_since = capture.missing_since.filter(|at| *at > live.listed_at),
                (false, true) => self.recorder_is_missing(id, live.listed_at),
                (true, false) => self.recorder_is_back(id, live.listed_at),
                (false, false) => {}
            }
        }
    }

    /// Notes that a list lacks the recorder of an open capture. Two lists that are far enough apart conclude a loss.
    fn recorder_is_missing(&mut self, id: CaptureId, listed_at: DateTime<Utc>) {
        let Some(capture) = self.captures.iter_mut().find(|c| c.id == id) else {
            return;
        };
        if capture.state == CaptureState::Requested && listed_at - capture.requested_at < RECORDER_MAY_JOIN {
            return;
        }
        match capture.missing_since {
            Some(since) if listed_at - since >= RECORDER_MAY_RETURN => {
                let error = "its recorder is no longer in the room".to_owned();
                self.infer_failure(id, FailureReason::Lost, Some(error), listed_at);
            }
            since => capture.missing_since = since.or(Some(listed_at)),
        }
    }

    fn recorder_is_back(&mut self, id: CaptureId, listed_at: DateTime<Utc>) {
        let disproves = |c: &Capture| {
            self.is_decided_by(c, &Observation::Seen) && c.state.ended_at().is_none_or(|lost_at| listed_at > lost_at)
        };
        if self.capture(id).is_some_and(disproves) && self.make_way_for(id) {
            self.conclude(id, Observation::Seen);
        }
    }

    /// Whether a live track should be recorded, is not, and a request (or the next one) is due.
    fn lacks_recording(&self, track: usize, room: &Room, now: DateTime<Utc>) -> bool {
        let id = self.tracks[track].id;
        if self.refusal(track, room).is_some() || self.refused_by_recorder(id).is_some() {
            return false;
        }
        if self.captures_of(id).any(Capture::is_open) {
            return false;
        }
        let captures = self.captures_of(id).collect::<Vec<_>>();
        let failed = captures.iter().rev().take_while(|c| self.has_failed(c));
        let failures = failed.fold(0_i32, |sum, c| sum.saturating_add(c.attempts));
        let last = captures.iter().map(|c| c.requested_at).max();
        last.is_none_or(|last| now - last >= backoff(failures))
    }

    /// Whether a capture ended without a file. Only such captures slow down further requests.
    fn has_failed(&self, capture: &Capture) -> bool {
        !capture.is_open() && !self.has_file(capture.id)
    }
}

/// Returns the least time between two requests after this many failures in a row.
fn backoff(failures: i32) -> TimeDelta {
    match failures {
        0 => TimeDelta::zero(),
        n => (FIRST_BACKOFF * (1 << (n - 1).min(10))).min(MAX_BACKOFF),
    }
}
