//! Processes of the `trackscribe` binary.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use test_support::{ExitedEarly, Port, Process, wait_until_ready};

/// Path of the binary, if it is not in the target folder of this test.
const VARIABLE: &str = "TRACKSCRIBE_BIN";

/// Variables that a role inherits. All others are removed, so that no test depends on its environment.
const INHERITED: [&str; 4] = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"];

/// How to start a role.
#[derive(Clone, Debug)]
pub(super) struct RoleSettings {
    /// The subcommand.
    pub role: &'static str,
    /// The name of its log file, such as `worker-2`.
    pub name: String,
    pub environment: Vec<(&'static str, String)>,
}

/// A running role.
#[derive(Debug)]
pub(super) struct Role {
    process: Process,
    port: Port,
}

impl Role {
    /// Starts a role with the settings for a port, and waits until `/healthz` answers.
    ///
    /// # Errors
    /// [`ExitedEarly`], usually because its port was taken.
    pub(super) async fn start(
        folder: &Path,
        settings: impl FnOnce(&Port) -> RoleSettings,
    ) -> Result<Self, ExitedEarly> {
        let port = Port::reserve();
        let settings = settings(&port);
        let mut command = Process::command(binary());
        set_environment(&mut command, &settings.environment).arg(settings.role);
        let process = Process::start(&settings.name, command, folder);
        let mut role = Self { process, port };
        let (url, http) = (format!("{}/healthz", role.url()), reqwest::Client::new());
        let is_healthy = async || {
            http.get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
        };
        match wait_until_ready(&mut role.process, is_healthy).await {
            Ok(()) => Ok(role),
            Err(exited) => {
                eprintln!("{} exited at its start: {}", settings.name, role.process.log());
                Err(exited)
            }
        }
    }

    /// Address of its HTTP server.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// The port of its HTTP server.
    pub fn port(&self) -> &Port {
        &self.port
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its output.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Stops it with SIGTERM.
    pub fn stop(mut self) {
        self.process.stop();
    }

    /// Kills it, as a crash would.
    pub fn kill(mut self) {
        self.process.kill();
    }
}

/// Runs another subcommand of the binary and returns its output.
///
/// # Panics
/// When it fails.
pub(super) fn run_to_end(arguments: &[&str], environment: &[(&'static str, String)]) -> String {
    let mut command = Command::new(binary());
    let output = set_environment(&mut command, environment)
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

fn set_environment<'a>(command: &'a mut Command, environment: &[(&'static str, String)]) -> &'a mut Command {
    command.env_clear();
    command.envs(INHERITED.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    command.envs(environment.iter().map(|(name, value)| (name, value)))
}

/// Path of `trackscribe` in the target folder of this test.
fn binary() -> PathBuf {
    if let Some(path) = env::var_os(VARIABLE) {
        return path.into();
    }
    let this_test = env::current_exe().expect("the path of this program is known");
    let built = this_test
        .ancestors()
        .nth(2)
        .expect("tests are in target/PROFILE/deps")
        .join("trackscribe");
    assert!(
        built.is_file(),
        "{} does not exist; run `cargo build -p trackscribe`, or set {VARIABLE}",
        built.display()
    );
    built
}
