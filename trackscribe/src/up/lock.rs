//! One `up` for a data folder, and pid files by which the next one finds what a killed one left.

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

/// How long a leftover may take to end by itself: an egress uploads first.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(60);

/// How often we look whether a process is gone.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Holds the data folder for as long as it lives; the system frees it when we die.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
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

/// Which process it was, so that its number is not taken for another's later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    pid: u32,
    /// Clock ticks from boot to its start (`/proc/PID/stat`, field 22).
    started: u64,
    boot: String,
}

/// Says that a child runs, until it is removed.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    pub fn write(data: &DataDir, name: &str, pid: u32) -> Result<Self> {
        let path = data.run().join(format!("{name}.pid"));
        if let Some(identity) = Identity::of(pid) {
            fs::write(&path, serde_json::to_string(&identity)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Whoever reads it finds that the process is gone.
        let _gone = fs::remove_file(&self.0);
    }
}

/// Ends what a killed `up` left behind, in the order given by `names`.
pub async fn end_leftovers(data: &DataDir, names: &[&str]) -> Result<()> {
    for name in names {
        let path = data.run().join(format!("{name}.pid"));
        let Some(identity) = Identity::read(&path) else {
            continue;
        };
        if identity.is_alive() {
            tracing::warn!(process.pid = identity.pid, "ending {name}, left over by an earlier run");
            end(name, &identity).await?;
        }
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

async fn end(name: &str, identity: &Identity) -> Result<()> {
    let Some(pid) = Pid::from_raw(identity.pid.cast_signed()) else {
        return Ok(());
    };
    // PostgreSQL waits for its clients at SIGTERM, not at SIGINT.
    let asked = if name == super::postgres::NAME {
        Signal::INT
    } else {
        Signal::TERM
    };
    // Gone in the meantime is what we want.
    let _asked = kill_process(pid, asked);
    let until = Instant::now() + LEFTOVER_PATIENCE;
    while identity.is_alive() && Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    if identity.is_alive() {
        let _insisted = kill_process_group(pid, Signal::KILL);
    }
    let until = Instant::now() + Duration::from_secs(5);
    while identity.is_alive() {
        if Instant::now() > until {
            bail!(
                "{name} (process {}) of an earlier run cannot be ended; end it, then try again",
                identity.pid
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
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

    /// `None` where the file is not there or damaged: then nothing is known, and nothing is ended.
    fn read(path: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    }

    fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }
}

/// Field 22 of `/proc/PID/stat`, `None` for a zombie; the second field is in brackets and may hold anything.
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
    fn a_folder_has_one_owner_at_a_time() {
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
    async fn a_leftover_is_ended_and_a_stranger_with_its_number_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::at(folder.path()).unwrap();
        data.create().unwrap();
        let mut leftover = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let mut stranger = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        std::mem::forget(PidFile::write(&data, "egress", leftover.id()).unwrap());
        let mut identity = Identity::of(stranger.id()).unwrap();
        identity.started += 1;
        fs::write(data.run().join("worker.pid"), serde_json::to_string(&identity).unwrap()).unwrap();
        fs::write(data.run().join("redis.pid"), "damaged").unwrap();

        end_leftovers(&data, &["egress", "worker", "redis", "server"])
            .await
            .unwrap();

        assert!(!leftover.wait().unwrap().success());
        assert!(stranger.try_wait().unwrap().is_none(), "the stranger was ended");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }

    #[test]
    fn the_start_time_is_read_whatever_the_process_is_called() {
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
