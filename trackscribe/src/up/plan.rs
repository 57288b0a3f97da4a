//! What runs, how it is started, and in which order it ends. Values only: nothing is started here.

use std::{ffi::OsString, path::Path, time::Duration};

use rustix::process::Signal;

use super::{
    postgres::{self, Cluster},
    programs::Programs,
    spec::{ChildSpec, Environment, StopPlan},
};
use crate::setup::Prepared;

pub const REDIS: &str = "redis";
pub const LIVEKIT: &str = "livekit-server";
pub const SERVER: &str = "server";
pub const WORKER: &str = "worker";
pub const EGRESS: &str = "egress";

/// The order of ending: the egress uploads while LiveKit and the server can still hear of it, and the stores of state
/// go last.
pub const STOP_ORDER: [&str; 6] = [EGRESS, WORKER, SERVER, LIVEKIT, REDIS, postgres::NAME];

/// An egress uploads what it has first.
const EGRESS_PATIENCE: Duration = Duration::from_secs(60);
/// The worker's jobs are taken over by the next one if they do not end.
const WORKER_PATIENCE: Duration = Duration::from_secs(20);
/// Requests are short.
const SERVER_PATIENCE: Duration = Duration::from_secs(15);
/// livekit-server drains at the first SIGTERM, for as long as someone is in a room, and ends at the second.
const LIVEKIT_SECOND_SIGNAL: Duration = Duration::from_millis(500);
const LIVEKIT_PATIENCE: Duration = Duration::from_secs(10);
/// Redis writes its data set.
const REDIS_PATIENCE: Duration = Duration::from_secs(20);
/// PostgreSQL writes a checkpoint.
const POSTGRES_PATIENCE: Duration = Duration::from_secs(40);

pub fn postgres(prepared: &Prepared, cluster: &Cluster) -> ChildSpec {
    let mut args: Vec<OsString> = vec!["-D".into(), cluster.folder.clone().into()];
    args.extend(["-p".into(), prepared.site.ports.postgres.to_string().into()]);
    // Logs come to us; passwords come over TCP, so no socket file has to lie where everybody can enter.
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "logging_collector=off",
    ] {
        args.extend(["-c".into(), setting.into()]);
    }
    ChildSpec {
        name: postgres::NAME,
        program: cluster.programs.join("postgres"),
        args,
        env: Environment::Plain,
        user: cluster.user,
        // "Fast": SIGTERM would wait for clients to leave.
        death_signal: Signal::INT,
        stop: StopPlan {
            signal: Signal::INT,
            again_after: None,
            patience: POSTGRES_PATIENCE,
        },
    }
}

pub fn redis(prepared: &Prepared, programs: &Programs) -> ChildSpec {
    ChildSpec {
        name: REDIS,
        program: programs.redis_server.clone(),
        args: vec![prepared.site.data.redis_conf().into()],
        env: Environment::Plain,
        user: None,
        death_signal: Signal::TERM,
        stop: StopPlan {
            signal: Signal::TERM,
            again_after: None,
            patience: REDIS_PATIENCE,
        },
    }
}

pub fn livekit(prepared: &Prepared, programs: &Programs) -> ChildSpec {
    ChildSpec {
        name: LIVEKIT,
        program: programs.livekit_server.clone(),
        args: vec!["--config".into(), prepared.site.data.livekit_yaml().into()],
        env: Environment::Plain,
        user: None,
        // It keeps its state in Redis, and would only drain at SIGTERM.
        death_signal: Signal::KILL,
        stop: StopPlan {
            signal: Signal::TERM,
            again_after: Some(LIVEKIT_SECOND_SIGNAL),
            patience: LIVEKIT_PATIENCE,
        },
    }
}

/// Our three roles: this same program.
pub fn roles(prepared: &Prepared, programs: &Programs) -> [ChildSpec; 3] {
    let egress_config = ["--config".into(), prepared.site.data.egress_yaml().into()];
    [
        role(SERVER, SERVER_PATIENCE, prepared, &programs.trackscribe, &[]),
        role(WORKER, WORKER_PATIENCE, prepared, &programs.trackscribe, &[]),
        role(EGRESS, EGRESS_PATIENCE, prepared, &programs.trackscribe, &egress_config),
    ]
}

fn role(name: &'static str, patience: Duration, prepared: &Prepared, program: &Path, args: &[OsString]) -> ChildSpec {
    ChildSpec {
        name,
        program: program.to_owned(),
        args: [&[name.into()], args].concat(),
        env: Environment::With(environment(prepared)),
        user: None,
        death_signal: Signal::TERM,
        stop: StopPlan {
            signal: Signal::TERM,
            again_after: None,
            patience,
        },
    }
}

/// All of `.env`, as setup wrote it and the user completed it, and what holds for this run.
fn environment(prepared: &Prepared) -> Vec<(String, String)> {
    let from_file = prepared
        .env
        .pairs()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let for_this_run = prepared
        .site
        .settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    from_file.chain(for_this_run).collect()
}
