//! What each row breaks, and what may be lost.

use super::{Limits, Row};

const NOTHING: Limits = Limits {
    heard_before_ms: None,
    missing_ms: None,
    hole_ms: None,
    again_ms: None,
    apart_ms: None,
};

/// No running recording may lose anything.
const COMPLETE: Limits = Limits {
    missing_ms: Some(0.0),
    ..NOTHING
};

pub const ROWS: [Row; 19] = [
    Row {
        name: "no-fault",
        fault: "nothing, which checks the measurement itself",
        limits: Limits {
            apart_ms: Some(50.0),
            ..COMPLETE
        },
        seeds: (1, 1),
    },
    Row {
        name: "egress-kill",
        fault: "egress `kill -9`, restarted by its supervisor",
        limits: Limits {
            heard_before_ms: Some(1000.0),
            hole_ms: Some(3000.0),
            ..NOTHING
        },
        seeds: (2, 200),
    },
    Row {
        name: "egress-term",
        fault: "egress SIGTERM, new process",
        limits: Limits {
            heard_before_ms: Some(1000.0),
            hole_ms: Some(2000.0),
            ..NOTHING
        },
        seeds: (1, 20),
    },
    Row {
        name: "egress-pause",
        fault: "the recorder's machine stands still for 25 s",
        limits: Limits {
            heard_before_ms: Some(1000.0),
            again_ms: Some(3000.0),
            ..NOTHING
        },
        seeds: (1, 5),
    },
    Row {
        name: "store",
        fault: "store denied, 503 one time in three, connection cut in the body, down; prefix set",
        limits: COMPLETE,
        seeds: (1, 1),
    },
    Row {
        name: "disk-full",
        fault: "disk full",
        limits: COMPLETE,
        seeds: (1, 3),
    },
    Row {
        name: "livekit-kill",
        fault: "livekit-server `kill -9` and restart",
        limits: Limits {
            heard_before_ms: Some(1000.0),
            again_ms: Some(3000.0),
            ..NOTHING
        },
        seeds: (1, 20),
    },
    Row {
        name: "signal-cut",
        fault: "signalling of the recorder cut 20 times",
        limits: COMPLETE,
        seeds: (1, 5),
    },
    Row {
        name: "udp-blocked",
        fault: "UDP of the recorder blocked for 10 s",
        limits: Limits {
            heard_before_ms: Some(1000.0),
            again_ms: Some(3000.0),
            ..NOTHING
        },
        seeds: (1, 5),
    },
    Row {
        name: "media-blocked",
        fault: "UDP and TCP media of the recorder blocked for 10 s",
        limits: Limits {
            heard_before_ms: Some(1000.0),
            again_ms: Some(3000.0),
            ..NOTHING
        },
        seeds: (1, 5),
    },
    Row {
        name: "network-down",
        fault: "the recorder reaches nothing of livekit-server",
        limits: Limits {
            heard_before_ms: Some(1000.0),
            again_ms: Some(3000.0),
            ..NOTHING
        },
        seeds: (1, 3),
    },
    Row {
        name: "udp-never",
        fault: "UDP of the recorder blocked from the start; TCP works",
        limits: COMPLETE,
        seeds: (1, 3),
    },
    Row {
        name: "media-never",
        fault: "all media of the recorder blocked for ever",
        limits: NOTHING,
        seeds: (1, 3),
    },
    Row {
        name: "server-down",
        fault: "our server down",
        limits: COMPLETE,
        seeds: (1, 3),
    },
    Row {
        name: "postgres-down",
        fault: "PostgreSQL down",
        limits: COMPLETE,
        seeds: (1, 3),
    },
    Row {
        name: "redis-flush",
        fault: "Redis restarted and flushed",
        limits: COMPLETE,
        seeds: (1, 5),
    },
    Row {
        name: "worker-kill",
        fault: "worker `kill -9`, again and again",
        limits: COMPLETE,
        seeds: (1, 5),
    },
    Row {
        name: "no-engine",
        fault: "no speech engine for a while",
        limits: COMPLETE,
        seeds: (1, 1),
    },
    Row {
        name: "clock-step",
        fault: "clock of the recorder's machine stepped by ±30 s",
        limits: Limits {
            apart_ms: Some(50.0),
            ..COMPLETE
        },
        seeds: (1, 5),
    },
];
