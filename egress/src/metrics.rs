//! Metrics for Prometheus. They have LiveKit's names where they mean the same, otherwise `trackscribe_egress_…`.

use std::time::Duration;

use domain::{
    SampleTime,
    manifest::{Gap, GapCause, PacketCounts, SAMPLE_RATE},
};
use livekit_protocol::EgressStatus;
use metrics::{Counter, Gauge, counter, gauge, histogram};

/// The causes that this program writes.
const CAUSES: [GapCause; 7] = [
    GapCause::Silence,
    GapCause::Loss,
    GapCause::ConnectionLost,
    GapCause::TimestampJump,
    GapCause::RecorderRestarted,
    GapCause::DiskFull,
    GapCause::Overload,
];

/// How many recordings are running, and whether more are accepted.
#[derive(Clone, Copy, Debug)]
pub struct Occupancy {
    pub running: usize,
    pub accepts: bool,
    pub is_stopping: bool,
}

pub fn occupancy(now: Occupancy) {
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    gauge!("livekit_egress_requests", "type" => "track").set(now.running as f64);
    gauge!("livekit_egress_available").set(flag(now.running == 0 && now.accepts));
    gauge!("livekit_egress_can_accept_request").set(flag(now.accepts));
    gauge!("livekit_egress_is_terminating").set(flag(now.is_stopping));
}

/// Counts a request that is not served: one that is answered with an error, or for which no offer is made.
pub fn refused(reason: &'static str) {
    counter!("trackscribe_egress_refused_total", "reason" => reason).increment(1);
}

/// The share of one session in a gauge. Dropping it takes it away.
pub struct Share {
    gauge: Gauge,
    value: f64,
}

impl Share {
    /// Of the seconds that were heard and are not in the store yet.
    pub fn of_seconds_at_risk() -> Self {
        Self::of(gauge!("trackscribe_egress_at_risk_seconds"))
    }

    /// Of the egresses whose state livekit-server has not acknowledged although it was reported.
    pub fn of_unacknowledged() -> Self {
        Self::of(gauge!("trackscribe_egress_report_backlog"))
    }

    pub fn set(&mut self, value: f64) {
        self.gauge.increment(value - self.value);
        self.value = value;
    }

    fn of(gauge: Gauge) -> Self {
        Self { gauge, value: 0.0 }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0.0);
    }
}

/// What a finished recording consists of.
pub fn recorded(gaps: &[Gap], counts: &PacketCounts) {
    for gap in gaps {
        // Counters are integers.
        let milliseconds = gap.samples.samples() * 1000 / u64::from(SAMPLE_RATE);
        gaps_of(gap.cause).increment(milliseconds);
    }
    let outcomes = [
        ("written", counts.written),
        ("lost", counts.lost),
        ("late", counts.late),
        ("duplicate", counts.duplicate),
        ("overlapping", counts.overlapping),
        ("malformed", counts.malformed),
    ];
    for (outcome, packets) in outcomes {
        counter!("trackscribe_egress_packets_total", "outcome" => outcome).increment(packets);
    }
}

/// Makes the counters of all causes visible before the first gap: an alert on a counter that appears with its first value
/// misses that value.
pub fn register() {
    for cause in CAUSES {
        gaps_of(cause).increment(0);
    }
}

fn gaps_of(cause: GapCause) -> Counter {
    counter!("trackscribe_egress_gap_milliseconds_total", "cause" => cause_name(cause))
}

/// The name of a cause in a manifest.
fn cause_name(cause: GapCause) -> &'static str {
    match cause {
        GapCause::Silence => "silence",
        GapCause::Loss => "loss",
        GapCause::ConnectionLost => "connection_lost",
        GapCause::TimestampJump => "timestamp_jump",
        GapCause::RecorderRestarted => "recorder_restarted",
        GapCause::DiskFull => "disk_full",
        GapCause::Overload => "overload",
        GapCause::Other => "other",
    }
}

/// The length of `samples` in seconds.
pub fn seconds(samples: SampleTime) -> f64 {
    samples.0 as f64 / f64::from(SAMPLE_RATE)
}

/// A session failed by a panic.
pub fn session_panicked() {
    counter!("trackscribe_egress_session_panics_total").increment(1);
}

/// A session continues an egress of an earlier process.
pub fn session_recovered() {
    counter!("trackscribe_egress_recovered_total").increment(1);
}

pub fn ended(status: EgressStatus) {
    let result = match status {
        EgressStatus::EgressComplete | EgressStatus::EgressLimitReached => "completed",
        EgressStatus::EgressAborted => "aborted",
        _ => "process_error",
    };
    counter!("livekit_egress_handler_results_total", "type" => "track", "result" => result).increment(1);
}

pub fn upload(succeeded: Result<(), ()>, took: Duration) {
    let status = if succeeded.is_ok() { "success" } else { "internal" };
    counter!("livekit_egress_pipeline_uploads", "type" => "audio/ogg", "status" => status).increment(1);
    histogram!("trackscribe_egress_upload_seconds").record(took.as_secs_f64());
}

/// The recordings that are not stored yet.
pub fn upload_backlog(uploads: usize, bytes: u64, oldest: Duration) {
    gauge!("trackscribe_egress_upload_backlog").set(uploads as f64);
    gauge!("trackscribe_egress_upload_backlog_bytes").set(bytes as f64);
    gauge!("trackscribe_egress_upload_oldest_seconds").set(oldest.as_secs_f64());
}

/// The state of the spool.
#[derive(Clone, Copy, Debug)]
pub struct SpoolFigures {
    pub free_bytes: u64,
    /// What waits in memory for the disk.
    pub backlog_bytes: u64,
    /// Age of the oldest folder; 0 if there is none.
    pub oldest: Duration,
    /// How long the last sync of all folders took.
    pub last_sync: Duration,
}

pub fn spool(now: SpoolFigures) {
    gauge!("trackscribe_egress_spool_free_bytes").set(now.free_bytes as f64);
    gauge!("trackscribe_egress_spool_backlog_bytes").set(now.backlog_bytes as f64);
    gauge!("trackscribe_egress_spool_oldest_seconds").set(now.oldest.as_secs_f64());
    gauge!("trackscribe_egress_spool_sync_seconds").set(now.last_sync.as_secs_f64());
}

/// Measures the time from the arrival of the request to the first packet in the spool.
pub fn first_packet(after: Duration) {
    histogram!("trackscribe_egress_first_packet_seconds").record(after.as_secs_f64());
}

/// Counts a connection to a room that works again: `resume` (same connection), `join` (a new one) or `track_moved` (a
/// silent track arrives over another connection).
pub fn room_reconnected(kind: &'static str) {
    counter!("trackscribe_egress_room_reconnects_total", "kind" => kind).increment(1);
}

/// Counts a connection to a room that was lost.
pub fn room_lost(reason: &'static str) {
    counter!("trackscribe_egress_room_losses_total", "reason" => reason).increment(1);
}

/// Counts a packet that was dropped because its recording does not keep up.
pub fn feed_dropped() {
    counter!("trackscribe_egress_packets_dropped_total", "queue" => "track").increment(1);
}

/// Counts packets that were dropped because the room's task does not keep up.
pub fn packets_dropped(count: u64) {
    counter!("trackscribe_egress_packets_dropped_total", "queue" => "room").increment(count);
}

/// How many unmuted tracks send nothing, and since when the worst of them.
pub fn silent_tracks(tracks: usize, longest: Duration) {
    gauge!("trackscribe_egress_silent_tracks").set(tracks as f64);
    gauge!("trackscribe_egress_last_packet_seconds_max").set(longest.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_have_the_same_names_as_in_manifests() {
        for cause in CAUSES {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause_name(cause));
        }
    }
}
