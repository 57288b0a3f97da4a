//! A running stack whose programs can be killed, kept down and started again.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use boot::Shutdown;
use domain::ObjectKey;
use objects::Objects;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::tones::Tones;
use crate::{
    api::Api,
    setup::{Prepared, write_secret},
    temporary_stack::{StackArgs, TemporaryStack},
    up::{pid_of, plan},
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
    /// What [`FaultStack::configure`] set, for every later start.
    env: RefCell<HashMap<String, Vec<Variable>>>,
    /// Where objects are, if not in the data folder.
    bucket: RefCell<Option<Objects>>,
}

/// Longest object that is read.
const MAX_OBJECT_BYTES: u64 = 256 * 1024 * 1024;

/// An environment variable for one program.
pub type Variable = (String, String);

impl FaultStack {
    pub async fn start(args: &StackArgs, tones: Arc<Tones>, shutdown: &Shutdown) -> Result<Self> {
        let stack = TemporaryStack::start(args, &[], shutdown).await?;
        Ok(Self {
            api: stack.api()?,
            tones,
            stack,
            env: RefCell::default(),
            bucket: RefCell::default(),
        })
    }

    pub fn prepared(&self) -> &Prepared {
        self.stack.prepared()
    }

    /// Stops everything. The next row starts with unchanged settings.
    pub async fn stop(self) {
        let edited = self.prepared().site.data.egress_yaml();
        self.stack.stop().await;
        // It is written again at the next start.
        let _may_be_missing = fs::remove_file(edited);
    }

    /// Restarts a program with additional environment variables, before a meeting. A variable without a value is
    /// removed.
    pub async fn configure(&self, name: &str, env: Vec<Variable>) -> Result<()> {
        self.take_down(name, Signal::TERM).await?;
        self.env.borrow_mut().insert(name.to_owned(), env);
        self.bring_up(name).await.map(drop)
    }

    /// Restarts the recorder with another configuration file. `between` runs while it is down.
    pub async fn configure_egress(
        &self,
        edit: impl FnOnce(String) -> String,
        between: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let path = self.prepared().site.data.egress_yaml();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        self.take_down(plan::EGRESS, Signal::TERM).await?;
        write_secret(&path, &edit(text))?;
        between()?;
        self.bring_up(plan::EGRESS).await.map(drop)
    }

    /// Says that objects are in a bucket.
    pub fn use_bucket(&self, bucket: Objects) {
        self.bucket.replace(Some(bucket));
    }

    /// Reads an object.
    pub async fn read_object(&self, key: &str) -> Result<Vec<u8>> {
        let bucket = self.bucket.borrow().clone();
        if let Some(bucket) = bucket {
            let object = bucket.get(&ObjectKey::parse(key)?, None).await?;
            return Ok(object.read(MAX_OBJECT_BYTES).await?.to_vec());
        }
        let path = self.prepared().site.data.objects().join(key);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
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

    /// Stops a program in mid-instruction and lets it go on after a while, as when a virtual machine is paused. Returns the
    /// moments of both.
    pub async fn pause(&self, name: &str, duration: Duration) -> Result<(Instant, Instant)> {
        let pid = self.pid(name).with_context(|| format!("{name} is not running"))?;
        let signal = |signal| kill_process(pid, signal).with_context(|| format!("cannot signal {name}"));
        let at = Instant::now();
        signal(Signal::STOP)?;
        tokio::time::sleep(duration).await;
        signal(Signal::CONT)?;
        Ok((at, Instant::now()))
    }

    /// Starts a program that is down, and waits until it answers. Returns the moment at which it did.
    pub async fn bring_up(&self, name: &str) -> Result<Instant> {
        let env = self.env.borrow().get(name).cloned().unwrap_or_default();
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
        let pid = pid_of(&self.prepared().site.data, name)?;
        Pid::from_raw(pid.cast_signed())
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
