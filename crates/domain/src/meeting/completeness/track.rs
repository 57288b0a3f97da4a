//! One track: published minus recorded.

use chrono::{DateTime, Utc};

use super::cause::{Cause, reason_of_hole};
use crate::UnixNanos;
use crate::capture::Capture;
use crate::interval::{Interval, IntervalSet};
use crate::recording::{FailureReason, Recording, RecordingState};
use crate::track::{NotRecorded, Track};

/// Events tell the second in which a track was published.
const EVENT_PRECISION_NS: i64 = 1_000_000_000;

/// A shorter stretch at the start is not listed: 1 s, because events tell the second in which a track was published, and
/// 1 s, because joining the room takes a moment. In a conversation, both pass before the first word.
const START_TOLERANCE_NS: i64 = 2_000_000_000;

/// A shorter stretch at the end is not listed: events tell the second in which a track ended.
const END_TOLERANCE_NS: i64 = 1_000_000_000;

/// A shorter hole within a recording is not listed. A syllable lasts as long.
const HOLE_TOLERANCE_NS: i64 = 200_000_000;

/// What became of a track that should be recorded.
pub(super) struct TrackAccount<'a> {
    pub track: &'a Track,
    pub published: Interval,
    pub takes: Vec<Take<'a>>,
    missing: IntervalSet,
}

/// What one recording contributes to its track.
pub(super) struct Take<'a> {
    pub capture: &'a Capture,
    pub recording: &'a Recording,
    /// What it holds or, until that is known, what we expect it to hold.
    pub heard: IntervalSet,
    /// From the request to the end; if the whole meeting is captured, from the start of the file.
    pub window: Interval,
}

/// A stretch that no recording holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct MissingPiece {
    pub interval: Interval,
    pub cause: Cause,
}

impl<'a> TrackAccount<'a> {
    /// A track that is live has been published until `now`.
    pub fn new(
        track: &'a Track,
        recordings: impl Iterator<Item = (&'a Capture, &'a Recording)>,
        now: DateTime<Utc>,
    ) -> Self {
        let dated = published(track, now);
        let takes: Vec<Take> = recordings.map(|(capture, r)| Take::new(capture, r, dated.to)).collect();
        let published = precise_start(dated, &takes);
        let heard = takes.iter().flat_map(|take| take.heard.iter()).collect();
        Self {
            track,
            published,
            missing: IntervalSet::from(published).difference(&heard),
            takes,
        }
    }

    /// Returns how much of the track is missing, including what is too short to be listed.
    pub fn missing_nanos(&self) -> i64 {
        self.missing.nanos()
    }

    /// Returns every missing stretch that is long enough to be listed, in order.
    pub fn missing(&self) -> Vec<MissingPiece> {
        let mut pieces = Vec::new();
        let mut rest = self.missing.clone();
        for (take, reason, holes) in self.takes.iter().flat_map(holes_of) {
            let cause = Cause::new(reason, Some(take.recording));
            pieces.extend(
                rest.intersection(&holes)
                    .iter()
                    .map(|interval| MissingPiece { interval, cause }),
            );
            rest = rest.difference(&holes);
        }
        pieces.extend(rest.iter().map(|interval| MissingPiece {
            interval,
            cause: self.cause_of(interval),
        }));
        pieces.retain(|piece| piece.interval.nanos() >= self.tolerance(piece.interval));
        if pieces.is_empty() && !self.is_heard() {
            pieces.push(self.nothing_recorded());
        }
        pieces.sort_by_key(|piece| piece.interval);
        pieces
    }

    /// Whether any recorder has listened to the track, if only for a moment.
    fn is_heard(&self) -> bool {
        self.takes.iter().any(|take| {
            let recording = take.recording;
            !take.heard.is_empty() || recording.acceptance.is_some() || is_silent(recording)
        })
    }

    fn tolerance(&self, interval: Interval) -> i64 {
        if !self.is_heard() {
            0
        } else if interval.from == self.published.from {
            START_TOLERANCE_NS
        } else if interval.to == self.published.to {
            END_TOLERANCE_NS
        } else {
            HOLE_TOLERANCE_NS
        }
    }

    /// A track of which nothing was recorded is listed, however short it was.
    fn nothing_recorded(&self) -> MissingPiece {
        MissingPiece {
            interval: self.published,
            cause: self.cause_of(self.published),
        }
    }
}

/// A track whose recording was requested within the second in which it was published, was published just before the
/// request. Otherwise up to a second of each track would count as missing.
fn precise_start(dated: Interval, takes: &[Take<'_>]) -> Interval {
    let of_track = takes.iter().filter(|take| take.capture.track().is_some());
    let requested = of_track.map(|take| take.window.from).min();
    let from = requested.filter(|at| (0..EVENT_PRECISION_NS).contains(&at.nanos_since(dated.from)));
    Interval::new(from.map_or(dated.from, |at| at.min(dated.to)), dated.to)
}

impl<'a> Take<'a> {
    fn new(capture: &'a Capture, recording: &'a Recording, track_end: UnixNanos) -> Self {
        let started_at = recording.state.started_at().filter(|_| capture.track().is_none());
        let from = started_at.unwrap_or(capture.requested_at);
        let ended_at = recording.state.ended_at().map_or(track_end, UnixNanos::from_datetime);
        let window = Interval::new(UnixNanos::from_datetime(from), ended_at);
        Self {
            heard: heard(recording, window),
            window,
            capture,
            recording,
        }
    }
}

/// Recordings whose manifest we have not read, or that were accepted by an older program, count as connected from their
/// request on: their first packet may have come late because the track was muted.
fn heard(recording: &Recording, window: Interval) -> IntervalSet {
    if let Some(acceptance) = &recording.acceptance {
        let audio_end = acceptance
            .fit
            .a_ns
            .saturating_add(acceptance.duration_ms.saturating_mul(1_000_000));
        let whole = || Interval::new(window.from, window.to.max(audio_end)).into();
        return acceptance
            .coverage
            .as_ref()
            .map_or_else(whole, |coverage| coverage.heard());
    }
    match &recording.state {
        RecordingState::Active(_) | RecordingState::Complete(_) => window.into(),
        RecordingState::Failed(failed) if is_silent(recording) => {
            let from = failed.started_at.map_or(window.from, UnixNanos::from_datetime);
            Interval::new(from, window.to).into()
        }
        RecordingState::Failed(_) if recording.awaits_acceptance() => window.into(),
        RecordingState::Requested | RecordingState::Failed(_) => IntervalSet::default(),
    }
}

/// Whether the recorder listened and says that there was nothing to hear.
fn is_silent(recording: &Recording) -> bool {
    recording.state.failure() == Some(FailureReason::NoAudio)
}

/// Returns the holes of a recording, one set for each reason.
fn holes_of<'t, 'a>(
    take: &'t Take<'a>,
) -> impl Iterator<Item = (&'t Take<'a>, super::MissingReason, IntervalSet)> + 't {
    let coverage = take.recording.acceptance.as_ref().and_then(|a| a.coverage.as_ref());
    let holes = coverage.map_or(&[][..], |coverage| &coverage.holes);
    let mut reasons: Vec<_> = holes.iter().map(|hole| reason_of_hole(hole.cause)).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons.into_iter().map(move |reason| {
        let same = holes.iter().filter(|hole| reason_of_hole(hole.cause) == reason);
        (take, reason, same.copied().map(Interval::from).collect())
    })
}

/// Whether a track counts as missing if it was not recorded. Others were left out on purpose, or are not a person's voice.
pub(super) fn should_be_recorded(track: &Track) -> bool {
    matches!(
        track.not_recorded,
        None | Some(NotRecorded::E2ee | NotRecorded::Codec | NotRecorded::NoAudio)
    )
}

/// When a track was published; until `now` if it is live.
pub(super) fn published(track: &Track, now: DateTime<Utc>) -> Interval {
    let to = track.unpublished_at.unwrap_or(now);
    Interval::new(
        UnixNanos::from_datetime(track.published_at),
        UnixNanos::from_datetime(to),
    )
}
