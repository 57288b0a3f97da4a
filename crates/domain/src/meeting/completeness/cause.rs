//! Why a stretch of a track is missing.

use std::fmt;

use super::track::{Take, TrackAccount};
use crate::RecordingId;
use crate::interval::Interval;
use crate::manifest::GapCause;
use crate::recording::{FailureReason, Recording};
use crate::track::NotRecorded;

/// A failed recording explains what follows its end by up to this much, 1 s: its report and the end of its file are not
/// the same moment.
const FOLLOWS_NS: i64 = 1_000_000_000;

/// Why something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MissingReason {
    /// It was published before the recorder listened.
    Late,
    /// It was published after the recording had ended.
    Cut,
    /// No recording was requested.
    NeverRecorded,
    /// The track is end-to-end encrypted.
    E2ee,
    /// The track is not Opus.
    Codec,
    /// Packets were lost between publisher and recorder.
    LostPackets,
    /// The recorder had lost its connection.
    ConnectionLost,
    /// The recorder was restarted.
    RecorderRestarted,
    /// The recorder's disk was full.
    DiskFull,
    /// The recorder's machine was too slow.
    Overload,
    /// It was recorded, and could not be transcribed.
    TranscriptionFailed,
    /// The recording failed.
    Failed(FailureReason),
}

/// A reason, and the recording that it concerns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause {
    pub reason: MissingReason,
    pub recording: Option<RecordingId>,
}

impl MissingReason {
    /// Returns the word of the reason, which is stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Cut => "cut",
            Self::NeverRecorded => "never_recorded",
            Self::E2ee => "e2ee",
            Self::Codec => "codec",
            Self::LostPackets => "lost_packets",
            Self::ConnectionLost => "connection_lost",
            Self::RecorderRestarted => "recorder_restarted",
            Self::DiskFull => "disk_full",
            Self::Overload => "overload",
            Self::TranscriptionFailed => "transcription_failed",
            Self::Failed(reason) => reason.as_str(),
        }
    }

    /// Whether the reason is our inference, which later knowledge overrules.
    pub fn is_guess(self) -> bool {
        matches!(self, Self::Failed(reason) if reason.is_guess())
    }
}

impl fmt::Display for MissingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Cause {
    pub fn new(reason: MissingReason, recording: Option<&Recording>) -> Self {
        Self {
            reason,
            recording: recording.map(|r| r.id),
        }
    }
}

impl TrackAccount<'_> {
    /// Finds the cause of a stretch that is no hole of a recording: a recording that failed, else the recording that ended
    /// before it or started after it.
    pub(super) fn cause_of(&self, stretch: Interval) -> Cause {
        let failed = self.takes.iter().filter_map(|take| failure(take, stretch));
        failed
            .max_by_key(|(shared_ns, _)| *shared_ns)
            .map(|(_, cause)| cause)
            .or_else(|| self.refused())
            .or_else(|| self.neighbour(stretch))
            .unwrap_or(Cause::new(MissingReason::NeverRecorded, None))
    }

    /// The recording that ended before a stretch, else the one that started after it or has not started yet; if it took more
    /// than one attempt, why the attempt before it failed.
    fn neighbour(&self, stretch: Interval) -> Option<Cause> {
        let before = |take: &&Take<'_>| take.heard.hull().is_some_and(|heard| heard.to <= stretch.from);
        let after = |take: &&Take<'_>| take.heard.hull().is_some_and(|heard| stretch.to <= heard.from);
        if let Some(ended) = self.takes.iter().rfind(before) {
            return Some(Cause::new(MissingReason::Cut, Some(ended.recording)));
        }
        let started = self.takes.iter().find(after).or(self.takes.first())?;
        let reason = started
            .capture
            .earlier_failure
            .map_or(MissingReason::Late, MissingReason::Failed);
        Some(Cause::new(reason, Some(started.recording)))
    }

    /// Nobody can record this track.
    fn refused(&self) -> Option<Cause> {
        match self.track.not_recorded? {
            NotRecorded::E2ee => Some(Cause::new(MissingReason::E2ee, None)),
            NotRecorded::Codec => Some(Cause::new(MissingReason::Codec, None)),
            _ => None,
        }
    }
}

/// Returns the reason of a failed recording if it explains part of a stretch, and how much. One that holds some of the
/// track explains only what follows its end.
fn failure(take: &Take<'_>, stretch: Interval) -> Option<(i64, Cause)> {
    let reason = take
        .recording
        .state
        .failure()
        .filter(|reason| *reason != FailureReason::NoAudio)?;
    let from = take.heard.hull().map_or(take.window.from, |heard| heard.to);
    let explained = Interval::new(from, take.window.to.max(from).saturating_add(FOLLOWS_NS));
    let shared = explained.intersection(stretch);
    let is_moment = stretch.is_empty() && explained.from <= stretch.from && stretch.to <= explained.to;
    let cause = Cause::new(MissingReason::Failed(reason), Some(take.recording));
    (is_moment || !shared.is_empty()).then(|| (shared.nanos(), cause))
}

/// Returns the reason that a hole in a recording gives.
pub(super) fn reason_of_hole(cause: GapCause) -> MissingReason {
    match cause {
        GapCause::Loss | GapCause::TimestampJump | GapCause::Silence => MissingReason::LostPackets,
        GapCause::ConnectionLost | GapCause::Other => MissingReason::ConnectionLost,
        GapCause::RecorderRestarted => MissingReason::RecorderRestarted,
        GapCause::DiskFull => MissingReason::DiskFull,
        GapCause::Overload => MissingReason::Overload,
    }
}
