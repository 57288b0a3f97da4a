//! One running process: in a group of its own, its words kept in a log, its end bound to ours.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::{process::Command, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    lock::PidFile,
    log::{self, LogFile},
    spec::{ChildSpec, Environment, StopPlan},
};
use crate::setup::DataDir;

/// How long a killed process may take to be gone; the system does that.
const KILLED_PATIENCE: Duration = Duration::from_secs(5);

/// A running process and what says so.
pub struct Process {
    pub child: tokio::process::Child,
    pub started: Instant,
    _pid_file: Option<PidFile>,
}

impl Process {
    pub fn spawn(spec: &ChildSpec, data: &DataDir, log: &Path) -> Result<Self> {
        let failed = || format!("{} cannot be started as {}", spec.program.display(), spec.name);
        let mut child = command(spec).spawn().with_context(failed)?;
        for pipe in [child.stdout.take().map(Pipe::Out), child.stderr.take().map(Pipe::Err)]
            .into_iter()
            .flatten()
        {
            let file = LogFile::open(log.to_owned()).with_context(|| format!("cannot open {}", log.display()))?;
            tokio::spawn(pipe.keep(file));
        }
        let pid_file = child.id().map(|pid| PidFile::write(data, spec.name, pid)).transpose()?;
        Ok(Self {
            child,
            started: Instant::now(),
            _pid_file: pid_file,
        })
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id()?.cast_signed())
    }

    /// Sends `plan`'s signals, waits, and kills the group where patience ends.
    pub async fn end(mut self, name: &str, plan: StopPlan, now: &CancellationToken) {
        let Some(pid) = self.pid() else { return };
        let asked = async {
            // An error means that it is gone already, which the wait below finds.
            let _asked = kill_process(pid, plan.signal);
            if let Some(pause) = plan.again_after {
                tokio::time::sleep(pause).await;
                let _asked_again = kill_process(pid, plan.signal);
            }
            tokio::time::sleep(plan.patience).await;
        };
        tokio::select! {
            _ = self.child.wait() => return,
            () = asked => tracing::warn!("{name} did not end within {} s and is killed", plan.patience.as_secs()),
            () = now.cancelled() => tracing::warn!("{name} is killed, as was asked for"),
        }
        let _killed = kill_process_group(pid, Signal::KILL);
        if tokio::time::timeout(KILLED_PATIENCE, self.child.wait()).await.is_err() {
            tracing::error!("{name} (process {}) cannot be ended", pid.as_raw_nonzero());
        }
    }
}

enum Pipe {
    Out(tokio::process::ChildStdout),
    Err(tokio::process::ChildStderr),
}

impl Pipe {
    async fn keep(self, log: LogFile) {
        match self {
            Self::Out(pipe) => log::keep(pipe, log).await,
            Self::Err(pipe) => log::keep(pipe, log).await,
        }
    }
}

fn command(spec: &ChildSpec) -> Command {
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // A group of its own, so that Ctrl-C at the terminal reaches only us, who stop the children in order.
    command.process_group(0).kill_on_drop(true);
    // Another user may not enter our working folder.
    command.current_dir("/");
    if let Environment::Plain = spec.env {
        command.env_clear().env("LC_ALL", "C.UTF-8");
        command.envs(
            ["PATH", "HOME", "TMPDIR"]
                .iter()
                .filter_map(|name| Some((*name, std::env::var_os(name)?))),
        );
    }
    if let Environment::With(variables) = &spec.env {
        command.envs(variables.iter().map(|(name, value)| (name, value)));
    }
    if let Some(user) = spec.user {
        command.uid(user.uid).gid(user.gid);
    }
    die_with_us(&mut command, spec.death_signal);
    command
}

/// Asks the system to signal the child when we die. It watches the *thread* that starts the child, so children are
/// started only on the main thread: `up` and `demo` run on a runtime of one thread.
#[expect(unsafe_code, reason = "the only way to run something between fork and exec")]
fn die_with_us(command: &mut Command, signal: Signal) {
    let parent = rustix::process::getpid();
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        // We may have died before the line above.
        if rustix::process::getppid() == Some(parent) {
            Ok(())
        } else {
            Err(std::io::ErrorKind::Interrupted.into())
        }
    };
    // SAFETY: between fork and exec only two system calls are made, and nothing is allocated.
    unsafe { command.pre_exec(prepare) };
}
