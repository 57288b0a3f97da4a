//! One child process: started in a process group of its own, watched, started again when it dies, and stopped.

use std::{ffi::OsString, path::PathBuf, process::ExitStatus, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::{process::Command, sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    lock::PidFile,
    log::{self, LogFile},
};
use crate::setup::DataDir;

/// Pause before a child that died is started again; doubled each time.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// A child that ran so long has recovered: the next pause is short again.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);

/// How long a killed process may take to be gone; the system does that.
const KILLED_PATIENCE: Duration = Duration::from_secs(5);

/// How a child is started and stopped. Secrets stand in `env`, never in `args`, which every user can see.
#[derive(Clone, Debug)]
pub struct ChildSpec {
    pub name: &'static str,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub env: Environment,
    /// Whom it runs as, if not as us.
    pub user: Option<User>,
    /// What the system sends it when we die.
    pub death_signal: Signal,
    pub stop: StopPlan,
}

/// The variables of a child.
#[derive(Clone)]
pub enum Environment {
    /// Ours and these.
    With(Vec<(String, String)>),
    /// Only what any program needs: names that we use ourselves must not change what others do.
    Plain,
}

/// A user of the system, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

/// How a child is asked to end, and how long it may take before it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopPlan {
    pub signal: Signal,
    /// Some programs only drain at the first signal and end at the second.
    pub again_after: Option<Duration>,
    pub patience: Duration,
}

/// A child under watch.
#[derive(Debug)]
pub struct Child {
    pub spec: ChildSpec,
    log: PathBuf,
    stop: CancellationToken,
    deaths: watch::Receiver<Option<ExitStatus>>,
    watcher: JoinHandle<()>,
}

impl Child {
    /// Starts it. From now on it is kept running until [`Child::stop`].
    ///
    /// # Errors
    /// Where the program cannot be started at all.
    pub fn start(spec: ChildSpec, data: &DataDir, now: CancellationToken) -> Result<Self> {
        let log = data.logs().join(format!("{}.log", spec.name));
        let process = Process::spawn(&spec, data, &log)?;
        let (stop, (died, deaths)) = (CancellationToken::new(), watch::channel(None));
        let watcher = Watcher {
            spec: spec.clone(),
            data: data.clone(),
            log: log.clone(),
            stop: stop.clone(),
            now,
            died,
        };
        Ok(Self {
            spec,
            log,
            stop,
            deaths,
            watcher: tokio::spawn(watcher.run(process)),
        })
    }

    /// Waits until it dies for the first time; for ever if it never does.
    pub async fn died(&self) -> ExitStatus {
        let mut deaths = self.deaths.clone();
        match deaths.wait_for(Option::is_some).await.map(|status| *status) {
            Ok(Some(status)) => status,
            _ => std::future::pending().await,
        }
    }

    /// The end of what it printed.
    pub fn last_words(&self) -> String {
        let tail = log::tail(&self.log);
        let path = self.log.display();
        if tail.is_empty() {
            format!("it printed nothing to {path}")
        } else {
            format!("the end of {path}:\n{tail}")
        }
    }

    /// Ends it, by its plan, and waits until it is gone.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.watcher.await {
            tracing::error!("the watcher of {} failed: {error}", self.spec.name);
        }
    }
}

/// A running process and what says so.
struct Process {
    child: tokio::process::Child,
    started: Instant,
    _pid_file: Option<PidFile>,
}

impl Process {
    fn spawn(spec: &ChildSpec, data: &DataDir, log: &std::path::Path) -> Result<Self> {
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
    async fn end(mut self, name: &str, plan: StopPlan, now: &CancellationToken) {
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

/// The task that owns the process.
struct Watcher {
    spec: ChildSpec,
    data: DataDir,
    log: PathBuf,
    stop: CancellationToken,
    now: CancellationToken,
    died: watch::Sender<Option<ExitStatus>>,
}

impl Watcher {
    async fn run(self, mut process: Process) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let outcome = tokio::select! {
                outcome = process.child.wait() => outcome,
                () = self.stop.cancelled() => return process.end(self.spec.name, self.spec.stop, &self.now).await,
            };
            if process.started.elapsed() > RECOVERED_AFTER {
                backoff = FIRST_BACKOFF;
            }
            drop(process);
            let Some(next) = self.again(outcome.ok(), &mut backoff).await else {
                return;
            };
            process = next;
        }
    }

    /// Starts it again after a pause, for as long as it takes; `None` if it is to stop.
    async fn again(&self, status: Option<ExitStatus>, backoff: &mut Duration) -> Option<Process> {
        let name = self.spec.name;
        self.died.send_replace(status);
        tracing::error!(
            "{name} ended ({}); starting it again in {} s",
            in_words(status),
            backoff.as_secs()
        );
        loop {
            self.stop.run_until_cancelled(tokio::time::sleep(*backoff)).await?;
            *backoff = (*backoff * 2).min(MAX_BACKOFF);
            match Process::spawn(&self.spec, &self.data, &self.log) {
                Ok(process) => return Some(process),
                Err(error) => tracing::error!("{error:#}; trying again in {} s", backoff.as_secs()),
            }
        }
    }
}

fn in_words(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "nobody knows how".to_owned(), |status| status.to_string())
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

impl std::fmt::Debug for Environment {
    /// Values are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::With(variables) => f.debug_list().entries(variables.iter().map(|(name, _)| name)).finish(),
            Self::Plain => f.write_str("Plain"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ample for a shell; only a failing test waits this long.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn shell(script: &str, stop: StopPlan) -> ChildSpec {
        ChildSpec {
            name: "shell",
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: Environment::Plain,
            user: None,
            death_signal: Signal::KILL,
            stop,
        }
    }

    fn plan(again_after: Option<Duration>, patience: Duration) -> StopPlan {
        StopPlan {
            signal: Signal::TERM,
            again_after,
            patience,
        }
    }

    fn data() -> (tempfile::TempDir, DataDir) {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::at(folder.path()).unwrap();
        data.create().unwrap();
        (folder, data)
    }

    async fn until(what: impl Fn() -> bool) {
        let waiting = async {
            while !what() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("the condition never came true");
    }

    #[tokio::test]
    async fn a_child_that_dies_is_started_again_and_its_last_words_are_kept() {
        let (_folder, data) = data();
        let spec = shell("echo last words; exit 3", plan(None, PATIENCE));

        let child = Child::start(spec, &data, CancellationToken::new()).unwrap();
        let status = child.died().await;
        until(|| child.last_words().matches("last words").count() >= 2).await;
        child.stop().await;

        assert_eq!(status.code(), Some(3));
    }

    #[tokio::test]
    async fn a_child_that_needs_a_second_signal_gets_it() {
        let (_folder, data) = data();
        let script =
            "n=0; trap 'n=$((n+1)); echo told $n; [ $n -lt 2 ] || exit 0' TERM; echo up; while :; do sleep 0.02; done";
        let pause = Duration::from_millis(100);
        let child = Child::start(
            shell(script, plan(Some(pause), PATIENCE)),
            &data,
            CancellationToken::new(),
        )
        .unwrap();
        until(|| child.last_words().contains("up")).await;
        let log = data.logs().join("shell.log");

        child.stop().await;

        assert!(log::tail(&log).contains("told 2"), "{}", log::tail(&log));
        assert!(!data.run().join("shell.pid").exists());
    }

    #[tokio::test]
    async fn a_child_that_will_not_end_is_killed_with_all_that_it_started() {
        let (_folder, data) = data();
        let script = "trap '' TERM; sleep 600 & echo $!; while :; do sleep 0.02; done";
        let child = Child::start(
            shell(script, plan(None, Duration::from_millis(100))),
            &data,
            CancellationToken::new(),
        )
        .unwrap();
        let log = data.logs().join("shell.log");
        until(|| log::tail(&log).trim().parse::<u32>().is_ok()).await;
        let grandchild = log::tail(&log).trim().to_owned();

        child.stop().await;

        let proc = std::path::PathBuf::from(format!("/proc/{grandchild}/stat"));
        until(|| std::fs::read_to_string(&proc).map_or(true, |stat| stat.contains(") Z "))).await;
    }
}
