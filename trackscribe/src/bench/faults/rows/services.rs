//! Services that a running recording does not need are down. Someone joins meanwhile.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::time::sleep;

use super::Play;
use crate::{
    bench::faults::{account::Fault, meeting::Meeting},
    up::{
        plan::{REDIS, SERVER},
        postgres::NAME as POSTGRES,
    },
};

/// How long the services are down in the short form.
const SHORT: Duration = Duration::from_secs(6);

/// A newcomer is recorded by then; if not, the figure says so.
const NEWCOMER_TIMEOUT: Duration = Duration::from_secs(30);

pub async fn server(play: &mut Play<'_>) -> Result<()> {
    play_all(play, SERVER, Duration::from_secs(60)).await
}

pub async fn postgres(play: &mut Play<'_>) -> Result<()> {
    play_all(play, POSTGRES, Duration::from_secs(20)).await
}

pub async fn redis(play: &mut Play<'_>) -> Result<()> {
    play_all(play, REDIS, SHORT).await
}

async fn play_all(play: &mut Play<'_>, name: &str, long: Duration) -> Result<()> {
    for _ in 0..play.seeds {
        play.meet(async |play: &mut Play<'_>, meeting: &mut Meeting<'_>| {
            let guest = meeting.invite().await?;
            let at = play.stack.take_down(name, Signal::KILL).await?;
            if name == REDIS {
                forget_everything(play)?;
            }
            let outage = play.outage(SHORT, long);
            sleep(outage / 2).await;
            meeting.admit(guest);
            sleep(outage / 2).await;
            let answered = play.stack.bring_up(name).await?;
            let _recorded = meeting.wait_until_recorded(NEWCOMER_TIMEOUT).await;
            Ok(Fault { at, answered })
        })
        .await?;
    }
    Ok(())
}

/// Removes the files of Redis, which is down.
fn forget_everything(play: &Play<'_>) -> Result<()> {
    let folder = play.stack.prepared().site.data.redis();
    fs::remove_dir_all(&folder)
        .and_then(|()| fs::create_dir(&folder))
        .with_context(|| format!("cannot empty {}", folder.display()))
}
