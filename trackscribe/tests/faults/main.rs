//! The short form of `trackscribe bench faults`: each row of the fault table once, with the real programs.
//!
//! Lost audio is counted in audio time, which a slow machine does not stretch. Times that a busy machine does stretch
//! (how soon something is recorded again) have bounds of several times the figure.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use self::support::{Bounds, play};

/// No running recording may lose anything. A busy machine may drop single packets between two sockets.
const COMPLETE: Bounds = Bounds {
    heard_before_ms: 200.0,
    missing_ms: 200.0,
    again_ms: 500.0,
};

/// Audio is lost while the fault lasts; nothing that was heard before is.
const HOLE: Bounds = Bounds {
    heard_before_ms: 1500.0,
    missing_ms: 15_000.0,
    again_ms: 10_000.0,
};

/// The same after an outage of ten seconds.
const LONG_HOLE: Bounds = Bounds {
    missing_ms: 25_000.0,
    ..HOLE
};

/// The same after half a minute.
const LONGER_HOLE: Bounds = Bounds {
    missing_ms: 40_000.0,
    ..HOLE
};

macro_rules! rows {
    ($($test:ident: $name:literal, $bounds:expr;)*) => {
        $(#[test]
        fn $test() {
            play($name, $bounds);
        })*
    };
}

rows! {
    nothing_is_lost_without_a_fault: "no-fault", COMPLETE;
    a_killed_recorder_continues_its_files: "egress-kill", HOLE;
    a_stopped_recorder_is_continued_by_the_next: "egress-term", HOLE;
    a_paused_recorder_continues_its_files: "egress-pause", LONGER_HOLE;
    nothing_is_lost_while_the_store_fails: "store", COMPLETE;
    nothing_is_lost_while_the_disk_is_full: "disk-full", COMPLETE;
    a_restarted_livekit_server_is_joined_again: "livekit-kill", LONG_HOLE;
    nothing_is_lost_while_signalling_is_cut: "signal-cut", COMPLETE;
    blocked_udp_costs_only_its_time: "udp-blocked", LONG_HOLE;
    blocked_media_costs_only_its_time: "media-blocked", LONG_HOLE;
    a_network_that_is_down_costs_only_its_time: "network-down", LONG_HOLE;
    media_over_tcp_is_recorded: "udp-never", COMPLETE;
    unreachable_media_is_reported_by_name: "media-never", LONG_HOLE;
    nothing_is_lost_while_our_server_is_down: "server-down", COMPLETE;
    nothing_is_lost_while_postgres_is_down: "postgres-down", COMPLETE;
    nothing_is_lost_when_redis_forgets_everything: "redis-flush", COMPLETE;
    a_killed_worker_loses_and_repeats_nothing: "worker-kill", COMPLETE;
    a_missing_engine_stops_no_recording: "no-engine", COMPLETE;
    a_stepped_clock_moves_nothing: "clock-step", COMPLETE;
}
