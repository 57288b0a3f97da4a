//! One running process. It has its own process group, writes to a log, and is signalled when we die.

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

/// How long the system may take to remove a killed process.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// A running process and its pid file.
pub struct Process {
    pub child: tokio::process::Child,
    pub started: Instant,
    _pid_file: Option<PidFile>,
}

impl Process {
    pub fn spawn(spec: &ChildSpec, data: &DataDir, log: &Path) -> Result<Self> {
        let failed = || format!("cannot start {} as {}", spec.program.display(), spec.name);
        let mut child = command(spec).spawn().with_context(failed)?;
        for pipe in [child.stdout.take().map(Pipe::Out), child.stderr.take().map(Pipe::Err)]
            .into_iter()
            .flatten()
        {
            let file = LogFile::open(log.to_owned()).with_context(|| format!("cannot open {}", log.display()))?;
            tokio::spawn(pipe.copy_to(file));
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

    /// Sends the signals of `plan`, waits for the exit, and kills the process group after the timeout or when `now` is
    /// cancelled.
    pub async fn stop(mut self, name: &str, plan: StopPlan, now: &CancellationToken) {
        let Some(pid) = self.pid() else { return };
        let timeout = async {
            // An error means that it has exited, which the wait below notices.
            let _sent = kill_process(pid, plan.signal);
            if let Some(pause) = plan.second_signal_after {
                tokio::time::sleep(pause).await;
                let _sent_again = kill_process(pid, plan.signal);
            }
            tokio::time::sleep(plan.timeout).await;
        };
        tokio::select! {
            _ = self.child.wait() => return,
            () = timeout => tracing::warn!("killing {name}: it did not stop within {} s", plan.timeout.as_secs()),
            () = now.cancelled() => tracing::warn!("killing {name}: the second signal was received"),
        }
        let _sent = kill_process_group(pid, Signal::KILL);
        if tokio::time::timeout(KILL_TIMEOUT, self.child.wait()).await.is_err() {
            tracing::error!("cannot kill {name} (process {})", pid.as_raw_nonzero());
        }
    }
}

enum Pipe {
    Out(tokio::process::ChildStdout),
    Err(tokio::process::ChildStderr),
}

impl Pipe {
    async fn copy_to(self, log: LogFile) {
        match self {
            Self::Out(pipe) => log::copy(pipe, log).await,
            Self::Err(pipe) => log::copy(pipe, log).await,
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
    // Its own group, so that Ctrl-C in the terminal reaches only us and we stop the children in order.
    command.process_group(0).kill_on_drop(true);
    // Another user may be unable to enter our working folder.
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
    set_death_signal(&mut command, spec.death_signal);
    command
}

/// Tells the system to signal the child when we die. It watches the *thread* that starts the child, so children are
/// started on the main thread only: commands that start children use a runtime with one thread.
#[expect(unsafe_code, reason = "the only way to run code between fork and exec")]
fn set_death_signal(command: &mut Command, signal: Signal) {
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
