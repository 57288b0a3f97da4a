//! One child under watch: started again when it dies, and stopped by its plan.

use std::{path::PathBuf, process::ExitStatus, time::Duration};

use anyhow::Result;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{log, process::Process, spec::ChildSpec};
use crate::setup::DataDir;

/// Pause before a child that died is started again; doubled each time.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// A child that ran so long has recovered: the next pause is short again.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);

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

#[cfg(test)]
mod tests {
    use rustix::process::Signal;

    use super::*;
    use crate::up::spec::{Environment, StopPlan};

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
