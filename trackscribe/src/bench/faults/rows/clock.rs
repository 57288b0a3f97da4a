//! The clock of the recorder's machine is stepped while people speak.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::Play;
use crate::{
    bench::faults::{account::Fault, meeting::Meeting},
    up::plan::EGRESS,
};

/// Steps of the clock in seconds, one after the other.
const STEPS: [&str; 3] = ["+30", "-30", "+0"];

/// Everyone speaks this long after each.
const SPEAKING: Duration = Duration::from_secs(4);

/// The library that changes a program's clock, from Debian's package `faketime`, in one folder for each architecture.
const LIBRARIES: &str = "/usr/lib";
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

pub async fn step(play: &mut Play<'_>) -> Result<()> {
    let file = play.stack.prepared().site.data.path().join("clock");
    set(&file, "+0")?;
    let variable = |name: &str, value: String| (name.to_owned(), value);
    let env = vec![
        variable("LD_PRELOAD", library()?.display().to_string()),
        variable("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        variable("FAKETIME_CACHE_DURATION", "1".to_owned()),
        // A step of the system clock changes neither of the clocks that only run forward.
        variable("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    play.stack.configure(EGRESS, env).await?;
    for _ in 0..play.seeds {
        play.meet(async |_: &mut Play<'_>, _: &mut Meeting<'_>| {
            let at = Instant::now();
            for offset in STEPS {
                set(&file, offset)?;
                sleep(SPEAKING).await;
            }
            Ok(Fault { at, answered: at })
        })
        .await?;
    }
    Ok(())
}

/// Replaces the file at once, because it is read at any time.
fn set(file: &Path, offset: &str) -> Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, offset)
        .and_then(|()| fs::rename(&new, file))
        .context("cannot step the clock")
}

fn library() -> Result<PathBuf> {
    let folders = fs::read_dir(LIBRARIES).into_iter().flatten().flatten();
    let mut found = folders.map(|folder| folder.path().join(LIBRARY));
    let missing = "libfaketime is not installed; scripts/install-deps.sh tests installs it";
    found.find(|library| library.is_file()).context(missing)
}
