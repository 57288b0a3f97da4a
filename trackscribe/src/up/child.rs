//! One supervised child: restarted when it exits, and stopped as its spec says.

use std::{path::PathBuf, process::ExitStatus, time::Duration};

use anyhow::Result;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    log,
    process::Process,
    spec::{ChildSpec, Environment},
};
use crate::setup::DataDir;

/// Pause before a child is restarted. It doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// After a child ran this long, the next pause is short again.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);

/// A supervised child.
#[derive(Debug)]
pub struct Child {
    pub spec: ChildSpec,
    log: PathBuf,
    stop: CancellationToken,
    orders: watch::Sender<Orders>,
    exits: watch::Receiver<Option<ExitStatus>>,
    supervisor: JoinHandle<()>,
}

/// What a bench asks of the supervisor.
#[derive(Clone, Debug, Default)]
struct Orders {
    /// A process that exits is not restarted.
    stays_down: bool,
    /// Variables of the next process, in addition to those of the spec. One without a value removes that of the spec.
    env: Vec<(String, String)>,
}

impl Child {
    /// Starts the child and restarts it when it exits, until [`Child::stop`].
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(spec: ChildSpec, data: &DataDir, now: CancellationToken) -> Result<Self> {
        let log = data.logs().join(format!("{}.log", spec.name));
        let process = Process::spawn(&spec, data, &log)?;
        let (stop, (exited, exits)) = (CancellationToken::new(), watch::channel(None));
        let (orders, new_orders) = watch::channel(Orders::default());
        let supervisor = Supervisor {
            spec: spec.clone(),
            data: data.clone(),
            log: log.clone(),
            stop: stop.clone(),
            now,
            orders: new_orders,
            exited,
        };
        Ok(Self {
            spec,
            log,
            stop,
            orders,
            exits,
            supervisor: tokio::spawn(supervisor.run(process)),
        })
    }

    /// Leaves the child down after its next exit, until [`Child::release`].
    pub fn hold(&self) {
        self.orders.send_modify(|orders| orders.stays_down = true);
    }

    /// Starts a child that was held, at once, with these variables in addition to those of its spec. A variable
    /// without a value is removed.
    pub fn release(&self, env: Vec<(String, String)>) {
        self.orders.send_replace(Orders { stays_down: false, env });
    }

    /// Waits for the first exit.
    pub async fn exited(&self) -> ExitStatus {
        let mut exits = self.exits.clone();
        match exits.wait_for(Option::is_some).await.map(|status| *status) {
            Ok(Some(status)) => status,
            _ => std::future::pending().await,
        }
    }

    /// Describes the end of its log.
    pub fn log_tail(&self) -> String {
        let tail = log::tail(&self.log);
        let path = self.log.display();
        if tail.is_empty() {
            format!("it printed nothing to {path}")
        } else {
            format!("the end of {path}:\n{tail}")
        }
    }

    /// Stops the child and waits for its exit.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.supervisor.await {
            tracing::error!("the supervisor of {} failed: {error}", self.spec.name);
        }
    }
}

/// The task that owns the process.
struct Supervisor {
    spec: ChildSpec,
    data: DataDir,
    log: PathBuf,
    stop: CancellationToken,
    now: CancellationToken,
    orders: watch::Receiver<Orders>,
    exited: watch::Sender<Option<ExitStatus>>,
}

impl Supervisor {
    async fn run(self, mut process: Process) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let outcome = tokio::select! {
                outcome = process.child.wait() => outcome,
                () = self.stop.cancelled() => return process.stop(self.spec.name, self.spec.stop, &self.now).await,
            };
            if process.started.elapsed() > RECOVERED_AFTER {
                backoff = FIRST_BACKOFF;
            }
            drop(process);
            let Some(next) = self.restart(outcome.ok(), &mut backoff).await else {
                return;
            };
            process = next;
        }
    }

    /// Restarts the child after a pause, and tries until it starts. Returns `None` if it is to stop.
    async fn restart(&self, status: Option<ExitStatus>, backoff: &mut Duration) -> Option<Process> {
        let name = self.spec.name;
        self.exited.send_replace(status);
        tracing::error!(
            "{name} exited ({}); restarting it in {} s",
            describe(status),
            backoff.as_secs()
        );
        loop {
            self.stop.run_until_cancelled(self.pause(backoff)).await?;
            match Process::spawn(&self.spec(), &self.data, &self.log) {
                Ok(process) => return Some(process),
                Err(error) => tracing::error!("{error:#}; trying again in {} s", backoff.as_secs()),
            }
        }
    }

    /// Waits until the next start is due.
    async fn pause(&self, backoff: &mut Duration) {
        let mut orders = self.orders.clone();
        if orders.borrow().stays_down {
            *backoff = FIRST_BACKOFF;
            // An error means that the child is being stopped.
            let _released = orders.wait_for(|orders| !orders.stays_down).await;
        } else {
            tokio::time::sleep(*backoff).await;
            *backoff = (*backoff * 2).min(MAX_BACKOFF);
        }
    }

    /// The spec of the next process.
    fn spec(&self) -> ChildSpec {
        let mut spec = self.spec.clone();
        if let Environment::With(variables) = &mut spec.env {
            let changed = self.orders.borrow().env.clone();
            variables.retain(|(name, _)| !changed.iter().any(|(other, _)| other == name));
            variables.extend(changed.into_iter().filter(|(_, value)| !value.is_empty()));
        }
        spec
    }
}

fn describe(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "unknown status".to_owned(), |status| status.to_string())
}

#[cfg(test)]
mod tests {
    use rustix::process::Signal;
    use test_support::wait_until;

    use super::*;
    use crate::up::spec::StopPlan;

    /// Much longer than a shell needs.
    const TIMEOUT: Duration = Duration::from_secs(20);

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

    fn plan(second_signal_after: Option<Duration>, timeout: Duration) -> StopPlan {
        StopPlan {
            signal: Signal::TERM,
            second_signal_after,
            timeout,
        }
    }

    fn data() -> (tempfile::TempDir, DataDir) {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::at(folder.path()).unwrap();
        data.create().unwrap();
        (folder, data)
    }

    async fn until(what: &str, condition: impl Fn() -> bool) {
        wait_until(what, TIMEOUT, async || condition().then_some(())).await;
    }

    #[tokio::test]
    async fn a_child_that_exits_is_restarted_and_its_log_is_kept() {
        let (_folder, data) = data();
        let spec = shell("echo last words; exit 3", plan(None, TIMEOUT));

        let child = Child::start(spec, &data, CancellationToken::new()).unwrap();
        let status = child.exited().await;
        until("it has run twice", || {
            child.log_tail().matches("last words").count() >= 2
        })
        .await;
        child.stop().await;

        assert_eq!(status.code(), Some(3));
    }

    #[tokio::test]
    async fn a_held_child_stays_down_until_it_is_released() {
        let (_folder, data) = data();
        let mut spec = shell("echo run $ROUND; sleep 0.1", plan(None, TIMEOUT));
        spec.env = Environment::With(vec![("ROUND".into(), "one".into())]);
        let child = Child::start(spec, &data, CancellationToken::new()).unwrap();
        child.hold();
        child.exited().await;
        until("its log is written", || child.log_tail().contains("run one")).await;

        child.release(vec![("ROUND".into(), "two".into())]);

        until("it has run again", || child.log_tail().contains("run two")).await;
        child.stop().await;
    }

    #[tokio::test]
    async fn a_child_that_needs_a_second_signal_receives_it() {
        let (_folder, data) = data();
        let script = "n=0; trap 'n=$((n+1)); echo signal $n; [ $n -lt 2 ] || exit 0' TERM; echo up; while :; do sleep 0.02; done";
        let pause = Duration::from_millis(100);
        let child = Child::start(
            shell(script, plan(Some(pause), TIMEOUT)),
            &data,
            CancellationToken::new(),
        )
        .unwrap();
        until("it runs", || child.log_tail().contains("up")).await;
        let log = data.logs().join("shell.log");

        child.stop().await;

        assert!(log::tail(&log).contains("signal 2"), "{}", log::tail(&log));
        assert!(!data.run().join("shell.pid").exists());
    }

    #[tokio::test]
    async fn a_child_that_does_not_stop_is_killed_with_its_process_group() {
        let (_folder, data) = data();
        let script = "trap '' TERM; sleep 600 & echo $!; while :; do sleep 0.02; done";
        let child = Child::start(
            shell(script, plan(None, Duration::from_millis(100))),
            &data,
            CancellationToken::new(),
        )
        .unwrap();
        let log = data.logs().join("shell.log");
        until("it has printed a pid", || log::tail(&log).trim().parse::<u32>().is_ok()).await;
        let grandchild = log::tail(&log).trim().to_owned();

        child.stop().await;

        let proc = std::path::PathBuf::from(format!("/proc/{grandchild}/stat"));
        until("the grandchild is gone", || {
            std::fs::read_to_string(&proc).map_or(true, |stat| stat.contains(") Z "))
        })
        .await;
    }
}
