//! A worker in a process of its own, which can be killed.
//!
//! The process is this test program again, which runs [`worker_process`] alone.

use std::{
    env, fs,
    path::Path,
    process::ExitStatus,
    time::{Duration, Instant},
};

use egress::config::{ConfigArgs, EgressConfig};
use test_support::Process;

/// Names the configuration of the worker process.
const CONFIG: &str = "EGRESS_TEST_CONFIG";

/// A worker process.
pub struct ChildWorker {
    process: Process,
}

impl ChildWorker {
    pub(super) fn start(name: &str, config: &str, folder: &Path) -> Self {
        let path = folder.join(format!("{name}.yaml"));
        fs::write(&path, config).unwrap();
        let mut command = Process::command(env::current_exe().unwrap());
        command.args(["support::child::worker_process", "--exact", "--ignored", "--nocapture"]);
        command.env(CONFIG, path);
        Self {
            process: Process::start(&format!("worker-{name}"), command, folder),
        }
    }

    /// Sends SIGKILL.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// Sends SIGTERM. Returns the exit status and how long it took.
    pub fn terminate(mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let status = self.process.stop();
        (status, began.elapsed())
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the worker process of other tests"]
async fn worker_process() {
    let Ok(path) = env::var(CONFIG) else { return };
    let filter = env::var("TRACKSCRIBE_LOG").unwrap_or_else(|_| "info".to_owned());
    let args = boot::TelemetryArgs {
        filter,
        log_format: boot::telemetry::LogFormat::Human,
    };
    boot::telemetry::init(&args).unwrap();
    boot::tls::install_provider();
    let config = EgressConfig::parse(&fs::read_to_string(path).unwrap(), &ConfigArgs::default()).unwrap();
    let shutdown = boot::Shutdown::listen().unwrap();
    egress::run(config, shutdown.token()).await.unwrap();
}
