//! One child process: started with its output in a file, ended by its id.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// How much of a log is shown when a test fails.
const SHOWN_LINES: usize = 150;

/// After this long a process that drains at the first signal gets a second one.
const SECOND_SIGNAL: Duration = Duration::from_millis(300);

/// How long a process may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running program. It ends when this is dropped, and dies with the test process however that ends. If the test is
/// failing by then, the end of its log is printed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    end: End,
}

/// What it takes to end a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    OneSignal,
    /// livekit-server waits for its participants at the first.
    TwoSignals,
}

impl Process {
    /// Starts `command`; what it prints is added to `NAME.log` in `folder`.
    ///
    /// Call it on a thread that lives as long as the test: the system ends the child with the *thread* that started it,
    /// so not in `spawn_blocking`.
    ///
    /// # Panics
    /// When no process can be started. A program that is missing shows as a process that ends at once.
    pub fn start(name: &str, command: &Command, folder: &Path, end: End) -> Self {
        let log = folder.join(format!("{name}.log"));
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the test's folder can be written");
        let errors = output.try_clone().expect("a file handle can be doubled");
        let child = dies_with_its_parent(command)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started by setpriv (package util-linux): {error}"));
        Self {
            name: name.to_owned(),
            child,
            log,
            end,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it printed since it was first started.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours can be asked")
    }

    /// Asks it to end by SIGTERM, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        let started = Instant::now();
        self.signal(Signal::TERM);
        let mut signalled_again = self.end == End::OneSignal;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            if started.elapsed() > PATIENCE {
                return self.kill();
            }
            if started.elapsed() > SECOND_SIGNAL && !signalled_again {
                self.signal(Signal::TERM);
                signalled_again = true;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it at once, without a chance to put anything in order.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.child.wait().expect("a child of ours can be waited for")
    }

    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            // It may end between the look and the signal; its id is ours until it is waited for.
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
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

fn dies_with_its_parent(command: &Command) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped
        .args(["--pdeathsig", "KILL", "--"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}
