//! A running stack whose programs can be killed, kept down and started again.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use boot::Shutdown;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

use super::tones::Tones;
use crate::{
    api::Api,
    setup::Prepared,
    temporary_stack::{StackArgs, TemporaryStack},
    up::plan,
};

/// Pause of the supervisor before it restarts a program, as in `trackscribe up`.
pub const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Pause between two checks of anything.
pub const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A killed program is gone by then, and one that is asked to stop has had more than enough time.
const EXIT_TIMEOUT: Duration = Duration::from_secs(70);

/// A started program answers by then.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running stack.
pub struct FaultStack {
    pub api: Api,
    pub tones: Arc<Tones>,
    stack: TemporaryStack,
}

/// An environment variable for one program.
pub type Variable = (String, String);

impl FaultStack {
    pub async fn start(args: &StackArgs, tones: Arc<Tones>, shutdown: &Shutdown) -> Result<Self> {
        let stack = TemporaryStack::start(args, &[], shutdown).await?;
        Ok(Self {
            api: stack.api()?,
            tones,
            stack,
        })
    }

    pub fn prepared(&self) -> &Prepared {
        self.stack.prepared()
    }

    pub async fn stop(self) {
        self.stack.stop().await;
    }

    /// Ends a program with this signal and keeps it down. Returns the moment of the signal.
    pub async fn take_down(&self, name: &str, signal: Signal) -> Result<Instant> {
        let pid = self.pid(name).with_context(|| format!("{name} is not running"))?;
        self.stack.child(name)?.hold();
        let at = Instant::now();
        match signal {
            Signal::KILL => kill_process_group(pid, signal),
            _ => kill_process(pid, signal),
        }
        .with_context(|| format!("cannot signal {name}"))?;
        wait_for(&format!("{name} is gone"), EXIT_TIMEOUT, async || {
            (!is_running(pid)).then_some(())
        })
        .await?;
        Ok(at)
    }

    /// Starts a program that is down, and waits until it answers. Returns the moment at which it did.
    pub async fn bring_up(&self, name: &str) -> Result<Instant> {
        self.bring_up_with(name, Vec::new()).await
    }

    /// The same with additional environment variables.
    pub async fn bring_up_with(&self, name: &str, env: Vec<Variable>) -> Result<Instant> {
        self.stack.child(name)?.release(env);
        self.wait_until_ready(name).await
    }

    /// Kills a program and lets the supervisor restart it. Returns the moments of the kill and of the first answer.
    pub async fn crash(&self, name: &str) -> Result<(Instant, Instant)> {
        let at = self.take_down(name, Signal::KILL).await?;
        tokio::time::sleep(RESTART_PAUSE).await;
        Ok((at, self.bring_up(name).await?))
    }

    async fn wait_until_ready(&self, name: &str) -> Result<Instant> {
        let ports = &self.prepared().site.ports;
        let path = match name {
            plan::LIVEKIT => format!("{}/", ports.livekit),
            plan::EGRESS => format!("{}/healthz", ports.egress_health),
            plan::WORKER => format!("{}/healthz", ports.worker),
            plan::SERVER => format!("{}/readyz", ports.api),
            _ => return self.wait_until_listening(name).await,
        };
        let url = format!("http://127.0.0.1:{path}");
        wait_for(&format!("{name} answers"), START_TIMEOUT, async || {
            let response = reqwest::get(&url).await.ok()?;
            response.status().is_success().then(Instant::now)
        })
        .await
    }

    async fn wait_until_listening(&self, name: &str) -> Result<Instant> {
        let ports = &self.prepared().site.ports;
        let port = if name == plan::REDIS {
            ports.redis
        } else {
            ports.postgres
        };
        wait_for(&format!("{name} listens"), START_TIMEOUT, async || {
            let connected = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
            connected.ok().map(|_| Instant::now())
        })
        .await
    }

    /// The process that runs a program.
    fn pid(&self, name: &str) -> Option<Pid> {
        let file = self.prepared().site.data.run().join(format!("{name}.pid"));
        let identity: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
        Pid::from_raw(i32::try_from(identity.get("pid")?.as_i64()?).ok()?)
    }
}

fn is_running(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits until `check` returns something.
///
/// # Errors
/// If it does not within the timeout. The error says what was waited for.
pub async fn wait_for<T>(what: &str, timeout: Duration, check: impl AsyncFn() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(found) = check().await {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("after {} s it is not so that {what}", timeout.as_secs());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
