//! Locks the data folder, and finds processes that a killed `up` left behind.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::setup::DataDir;

/// How long a leftover process may take to stop; an egress uploads first.
const LEFTOVER_TIMEOUT: Duration = Duration::from_secs(60);

/// Pause between two checks whether a process is gone.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A lock on the data folder. The system releases it when this process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// # Errors
    /// If another process holds the lock.
    pub fn take(data: &DataDir) -> Result<Self> {
        let path = data.run().join("lock");
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = opened.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "{} is in use by another `trackscribe up` or `demo`; stop it first, or choose another --data-dir",
                    data.path().display()
                )
            }
            Err(TryLockError::Error(e)) => Err(e).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}

/// Identifies a process even after its id is used again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    pid: u32,
    /// Clock ticks from boot to the start of the process (`/proc/PID/stat`, field 22).
    started: u64,
    boot: String,
}

/// Records a running child. Dropping it removes the file.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    pub fn write(data: &DataDir, name: &str, pid: u32) -> Result<Self> {
        let path = pid_file(data, name);
        if let Some(identity) = Identity::of(pid) {
            fs::write(&path, serde_json::to_string(&identity)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A file that is left over names a process that no longer exists.
        let _removed = fs::remove_file(&self.0);
    }
}

/// The process that runs a child of `up`, by the child's name.
pub fn pid_of(data: &DataDir, name: &str) -> Option<u32> {
    Identity::read(&pid_file(data, name)).map(|identity| identity.pid)
}

fn pid_file(data: &DataDir, name: &str) -> PathBuf {
    data.run().join(format!("{name}.pid"))
}

/// Stops the children that a killed `up` left behind, in the order of `names`.
pub async fn stop_leftovers(data: &DataDir, names: &[&str]) -> Result<()> {
    for name in names {
        let path = pid_file(data, name);
        let Some(identity) = Identity::read(&path) else {
            continue;
        };
        if identity.is_alive() {
            tracing::warn!(
                process.pid = identity.pid,
                "stopping {name}, left over from an earlier run"
            );
            stop(name, &identity).await?;
        }
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

async fn stop(name: &str, identity: &Identity) -> Result<()> {
    let Some(pid) = Pid::from_raw(identity.pid.cast_signed()) else {
        return Ok(());
    };
    // On SIGTERM PostgreSQL waits for its clients to disconnect, on SIGINT it does not.
    let signal = if name == super::postgres::NAME {
        Signal::INT
    } else {
        Signal::TERM
    };
    // An error means that it has exited, which is what we want.
    let _sent = kill_process(pid, signal);
    let deadline = Instant::now() + LEFTOVER_TIMEOUT;
    while identity.is_alive() && Instant::now() < deadline {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    if identity.is_alive() {
        let _sent = kill_process_group(pid, Signal::KILL);
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while identity.is_alive() {
        if Instant::now() > deadline {
            bail!(
                "cannot stop {name} (process {}) of an earlier run; stop it, then try again",
                identity.pid
            );
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

impl Identity {
    fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Self {
            pid,
            started: start_ticks(&stat)?,
            boot: boot.trim().to_owned(),
        })
    }

    /// Returns `None` if the file is missing or damaged; then no process is stopped.
    fn read(path: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    }

    fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }
}

/// Returns field 22 of `/proc/PID/stat`, or `None` for a zombie. The second field is in parentheses and may contain
/// anything.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        None
    } else {
        fields.nth(18)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[test]
    fn a_data_folder_is_locked_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::at(folder.path()).unwrap();
        data.create().unwrap();

        let first = Lock::take(&data).unwrap();
        let second = Lock::take(&data).unwrap_err();
        drop(first);

        assert!(second.to_string().contains("--data-dir"), "{second}");
        Lock::take(&data).unwrap();
    }

    #[tokio::test]
    async fn a_leftover_is_stopped_and_another_process_with_its_pid_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::at(folder.path()).unwrap();
        data.create().unwrap();
        let mut leftover = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let mut other = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        std::mem::forget(PidFile::write(&data, "egress", leftover.id()).unwrap());
        let mut identity = Identity::of(other.id()).unwrap();
        identity.started += 1;
        fs::write(data.run().join("worker.pid"), serde_json::to_string(&identity).unwrap()).unwrap();
        fs::write(data.run().join("redis.pid"), "damaged").unwrap();

        stop_leftovers(&data, &["egress", "worker", "redis", "server"])
            .await
            .unwrap();

        assert!(!leftover.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none(), "the other process was stopped");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn the_start_time_is_read_whatever_the_name_of_the_process() {
        let numbers = (4..=30).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");

        assert_eq!(start_ticks(&format!("7 (a) b (c)) S {numbers}")), Some(22));
        assert_eq!(start_ticks(&format!("7 (a) Z {numbers}")), None);
        for damaged in [
            "",
            "7 (a",
            "7 (a) S 1 2",
            "7 (a) S x x x x x x x x x x x x x x x x x x x",
        ] {
            assert_eq!(start_ticks(damaged), None, "{damaged}");
        }
    }
}
