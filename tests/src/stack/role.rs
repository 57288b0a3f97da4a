//! One of our own processes: the binary that was built, with a role and its environment.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::{End, Port, Process, ProgramEnded, answers};

/// Names the binary, for runs where it is not beside the tests' own.
const VARIABLE: &str = "TRACKSCRIBE_BIN";

/// Variables that a role gets from outside; everything else is told, so that no test depends on its surroundings.
const KEPT: [&str; 4] = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"];

/// What a role is started with.
#[derive(Clone, Debug)]
pub(super) struct RoleSettings {
    /// The subcommand.
    pub role: &'static str,
    /// In logs and in the name of the log file; `worker-2`.
    pub name: String,
    pub environment: Vec<(&'static str, String)>,
}

/// A running role. Ends by SIGTERM when dropped.
#[derive(Debug)]
pub struct Role {
    process: Process,
    port: Port,
}

impl Role {
    /// Starts it and waits until `/healthz` answers. The settings are told the port that was chosen.
    ///
    /// # Errors
    /// It ended at once: most likely its port was taken.
    pub(super) async fn start(
        folder: &Path,
        settings: impl FnOnce(&Port) -> RoleSettings,
    ) -> Result<Self, ProgramEnded> {
        let port = Port::choose();
        let settings = settings(&port);
        let mut command = command(&settings.environment);
        let process = Process::start(&settings.name, command.arg(settings.role), folder, End::OneSignal);
        let mut role = Self { process, port };
        let (url, http) = (format!("{}/healthz", role.url()), reqwest::Client::new());
        let is_there = async || {
            http.get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
        };
        match answers(&mut role.process, is_there).await {
            Ok(()) => Ok(role),
            Err(ended) => {
                eprintln!("{} ended at its start: {}", settings.name, role.process.log());
                Err(ended)
            }
        }
    }

    /// Where it answers HTTP.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Ends it in order.
    pub fn stop(mut self) {
        self.process.stop();
    }

    /// Ends it at once, as a crash would.
    pub fn kill(mut self) {
        self.process.kill();
    }
}

/// Runs one of the binary's other subcommands to its end and returns what it printed.
///
/// # Panics
/// When it fails.
pub(super) fn run_to_end(arguments: &[&str], environment: &[(&'static str, String)]) -> String {
    let output = command(environment)
        .args(arguments)
        .output()
        .expect("the binary can be started");
    assert!(
        output.status.success(),
        "{arguments:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn command(environment: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(binary());
    command.env_clear();
    command.envs(KEPT.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// `trackscribe`, in the target folder that this test was built into.
fn binary() -> PathBuf {
    if let Some(path) = env::var_os(VARIABLE) {
        return path.into();
    }
    let own = env::current_exe().expect("a running program has a path");
    let built = own
        .ancestors()
        .nth(2)
        .expect("tests lie in target/PROFILE/deps")
        .join("trackscribe");
    assert!(
        built.is_file(),
        "{} is not there: run `cargo build -p trackscribe`, or set {VARIABLE}",
        built.display()
    );
    built
}
