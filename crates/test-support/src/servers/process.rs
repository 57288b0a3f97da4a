//! One child process. Its output goes to a file.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Lines of a log that are printed when a test fails.
const SHOWN_LINES: usize = 150;

/// How long a process may take to exit after SIGTERM before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// A running program. It is killed when this is dropped, and by the system when the test process ends. If the test is
/// failing by then, the end of its log is printed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// A command for [`Process::start`]: its process is killed when the thread that started it ends.
    pub fn command(program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    }

    /// Starts a command made by [`Process::command`] and appends its output to `NAME.log` in `folder`.
    ///
    /// Call it on a thread that lives as long as the test, so not in `spawn_blocking`.
    ///
    /// # Panics
    /// When no process can be started. If the program is missing, the process exits at once instead.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let stdout = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the test's folder is writable");
        let stderr = stdout.try_clone().expect("a file handle can be duplicated");
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} through setpriv (package util-linux): {error}"));
        Self {
            name: name.to_owned(),
            child,
            log,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id. `setpriv` has replaced itself by the program.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The output of this process and of earlier ones with the same name and folder.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Returns `None` while the process runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the status of a child can be read")
    }

    /// Sends SIGTERM and waits for the exit; kills the process after 15 s.
    pub fn stop(&mut self) -> ExitStatus {
        let deadline = Instant::now() + STOP_TIMEOUT;
        self.signal(Signal::TERM);
        loop {
            if let Some(status) = self.exit_status() {
                return status;
            }
            if Instant::now() > deadline {
                return self.kill();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends SIGKILL and waits for the exit.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.child.wait().expect("a child can be waited for")
    }

    /// Sends a signal, unless the process has exited.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit_status().is_none() {
            // It may exit in between; its id is not reused before we wait for it.
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!(
                "--- {} printed {} lines, the last:\n{}\n--- end",
                self.name,
                lines.len(),
                shown.join("\n")
            );
        }
    }
}

/// The program that an environment variable names, or `default` on `PATH`.
pub(super) fn program(variable: &str, default: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| default.into())
}
