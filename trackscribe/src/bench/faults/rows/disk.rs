//! The disk of the recorder is full for a while. The disk is a small file system in memory, which needs root.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use super::{Play, network::replace_line};
use crate::bench::faults::{account::Fault, meeting::Meeting};

/// Size of the disk, and what has to be free for new recordings.
const DISK: &str = "size=32m,mode=700";
const MIN_FREE: &str = "  min_free_bytes: 1000000";

/// How long it is full.
const SHORT: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(60);

/// A mounted disk. It is unmounted when this is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Path) -> Result<Self> {
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(folder))?;
        Ok(Self(folder.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The recorder may still have files open; the disk goes with its last one.
        if let Err(error) = run(Command::new("umount").arg("--lazy").arg(&self.0)) {
            tracing::error!("{error:#}");
        }
    }
}

fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure!(output.status.success(), "{name} failed, which needs root: {errors}");
    Ok(())
}

pub async fn full(play: &mut Play<'_>) -> Result<()> {
    let spool = play.stack.prepared().site.data.spool();
    let mut disk = None;
    let mount = || Disk::mount(&spool).map(|mounted| disk = Some(mounted));
    let edit = |text: String| replace_line(&text, "  min_free_bytes:", MIN_FREE);
    play.stack.configure_egress(edit, mount).await?;
    for _ in 0..play.seeds {
        play.meet(async |play: &mut Play<'_>, _: &mut Meeting<'_>| {
            let at = Instant::now();
            let filler = spool.join("filler");
            fill(&filler)?;
            sleep(play.outage(SHORT, LONG)).await;
            fs::remove_file(&filler).context("cannot empty the disk")?;
            Ok(Fault {
                at,
                answered: Instant::now(),
            })
        })
        .await?;
    }
    drop(disk);
    Ok(())
}

/// Writes until not one byte is free.
fn fill(path: &Path) -> Result<()> {
    let mut file = File::create(path).context("cannot fill the disk")?;
    for size in [1 << 20, 4096, 1] {
        let block = vec![0; size];
        while file.write_all(&block).is_ok() {}
    }
    Ok(())
}
