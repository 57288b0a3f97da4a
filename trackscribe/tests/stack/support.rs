//! Runs the built binary.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;
use test_support::{Process, wait_until};

/// Longer than a stack needs to start or stop on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(90);

pub const BINARY: &str = env!("CARGO_BIN_EXE_trackscribe");

/// A data folder that is deleted with the test, together with PostgreSQL's folder outside it.
pub struct DataFolder(tempfile::TempDir);

impl DataFolder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The pids in the pid files of a running `up`.
    pub fn children(&self) -> Vec<u64> {
        let files = fs::read_dir(self.path().join("run"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let pid_files = files.filter(|file| file.extension().is_some_and(|extension| extension == "pid"));
        pid_files.filter_map(|file| pid_in(&file)).collect()
    }

    /// A command with this data folder and without the developer's own settings.
    pub fn command(&self, subcommand: &str) -> Command {
        self.configure(Command::new(BINARY), subcommand)
    }

    /// Starts `up` on free ports.
    pub fn up(&self) -> Up {
        let logs = tempfile::tempdir().unwrap();
        let mut command = self.configure(Process::command(BINARY), "up");
        command.args(["--ports", "free"]);
        Up {
            process: Process::start("up", command, logs.path()),
            _logs: logs,
        }
    }

    fn configure(&self, mut command: Command, subcommand: &str) -> Command {
        command.arg(subcommand).arg("--data-dir").arg(self.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.contains("STORAGE") || name.starts_with("LIVEKIT_")) {
            command.env_remove(name);
        }
        command
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if let Ok(postgres) = fs::read_to_string(self.path().join("postgres.location"))
            && let Some(folder) = PathBuf::from(postgres.trim()).parent()
        {
            fs::remove_dir_all(folder).ok();
        }
    }
}

/// A running `up`. It is killed when this is dropped.
pub struct Up {
    pub process: Process,
    _logs: tempfile::TempDir,
}

impl Up {
    /// Waits until `up` has printed `line`.
    pub async fn wait_for(&self, line: &str) {
        wait_until(&format!("up has printed `{line}`"), TIMEOUT, async || {
            self.process.log().lines().any(|printed| printed == line).then_some(())
        })
        .await;
    }
}

/// Reads a pid file. Returns `None` if it does not exist or is being written.
pub fn pid_in(file: &Path) -> Option<u64> {
    let identity: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    identity["pid"].as_u64()
}

pub fn is_running(pid: u64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub async fn wait_until_gone(pids: &[u64]) {
    wait_until(&format!("{pids:?} have exited"), TIMEOUT, async || {
        (!pids.iter().any(|pid| is_running(*pid))).then_some(())
    })
    .await;
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}
