//! The specs of all children, and the order in which they are stopped. Nothing is started here.

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

/// The order in which children are stopped: the egress suspends its recordings, or with `drain: finish` stores and reports
/// them, while LiveKit and the server can still be notified. Redis and PostgreSQL come last.
pub const STOP_ORDER: [&str; 6] = [EGRESS, WORKER, SERVER, LIVEKIT, REDIS, postgres::NAME];

/// Suspending takes two seconds. With `drain: finish` in `egress.yaml`, the egress uploads its recordings first.
const EGRESS_TIMEOUT: Duration = Duration::from_secs(60);
/// Jobs that do not finish in time are repeated by the next worker.
const WORKER_TIMEOUT: Duration = Duration::from_secs(20);
/// Requests are short.
const SERVER_TIMEOUT: Duration = Duration::from_secs(15);
/// On the first SIGTERM livekit-server waits until its rooms are empty. It stops on the second.
const LIVEKIT_SECOND_SIGNAL: Duration = Duration::from_millis(500);
const LIVEKIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Redis writes its data to disk.
const REDIS_TIMEOUT: Duration = Duration::from_secs(20);
/// PostgreSQL writes a checkpoint.
const POSTGRES_TIMEOUT: Duration = Duration::from_secs(40);

pub fn postgres(prepared: &Prepared, cluster: &Cluster) -> ChildSpec {
    let mut args: Vec<OsString> = vec!["-D".into(), cluster.folder.clone().into()];
    args.extend(["-p".into(), prepared.site.ports.postgres.to_string().into()]);
    // Log output goes to standard error. Connections use TCP, so no Unix socket is needed.
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
        // A fast shutdown. On SIGTERM it would wait for clients to disconnect.
        death_signal: Signal::INT,
        stop: StopPlan {
            signal: Signal::INT,
            second_signal_after: None,
            timeout: POSTGRES_TIMEOUT,
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
            second_signal_after: None,
            timeout: REDIS_TIMEOUT,
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
        // Its state is in Redis, and on SIGTERM it would only wait for its rooms.
        death_signal: Signal::KILL,
        stop: StopPlan {
            signal: Signal::TERM,
            second_signal_after: Some(LIVEKIT_SECOND_SIGNAL),
            timeout: LIVEKIT_TIMEOUT,
        },
    }
}

/// Our three roles, which are subcommands of this program.
pub fn roles(prepared: &Prepared, programs: &Programs) -> [ChildSpec; 3] {
    let egress_config = ["--config".into(), prepared.site.data.egress_yaml().into()];
    [
        role(SERVER, SERVER_TIMEOUT, prepared, &programs.trackscribe, &[]),
        role(WORKER, WORKER_TIMEOUT, prepared, &programs.trackscribe, &[]),
        role(EGRESS, EGRESS_TIMEOUT, prepared, &programs.trackscribe, &egress_config),
    ]
}

fn role(name: &'static str, timeout: Duration, prepared: &Prepared, program: &Path, args: &[OsString]) -> ChildSpec {
    ChildSpec {
        name,
        program: program.to_owned(),
        args: [&[name.into()], args].concat(),
        env: Environment::With(environment(prepared)),
        user: None,
        death_signal: Signal::TERM,
        stop: StopPlan {
            signal: Signal::TERM,
            second_signal_after: None,
            timeout,
        },
    }
}

/// All of `.env`, then the settings of this run.
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
