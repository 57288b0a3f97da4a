//! The recorder dies, or is replaced.

use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;
use tokio::time::sleep;

use super::{END_TIMEOUT, Length, MOMENT_S, MUTED_BEFORE, Play, SPEAKING};
use crate::{
    bench::faults::{account::Fault, ghost::Recorders, meeting::Meeting},
    up::plan::EGRESS,
};

/// How long the recorder's machine stands still: longer than livekit-server waits for it.
const PAUSED: Duration = Duration::from_secs(25);

/// Everyone speaks this long from one fault to the next, beside the time after each fault.
const BETWEEN: Duration = Duration::from_secs(2);

/// Faults in one meeting: the same files have to survive all of them.
const FAULTS_PER_MEETING: u32 = 10;

pub async fn kill(play: &mut Play<'_>) -> Result<()> {
    play_all(play, Signal::KILL).await
}

pub async fn terminate(play: &mut Play<'_>) -> Result<()> {
    play_all(play, Signal::TERM).await
}

/// The machine of the recorder stands still, and goes on.
pub async fn pause(play: &mut Play<'_>) -> Result<()> {
    for _ in 0..play.seeds {
        play.meet(async |play: &mut Play<'_>, _: &mut Meeting<'_>| {
            let (at, answered) = play.stack.pause(EGRESS, PAUSED).await?;
            Ok(Fault { at, answered })
        })
        .await?;
    }
    Ok(())
}

async fn play_all(play: &mut Play<'_>, signal: Signal) -> Result<()> {
    let mut left = play.seeds;
    while left > 0 {
        let count = left.min(FAULTS_PER_MEETING);
        play_meeting(play, signal, count).await?;
        left -= count;
        if play.length == Length::Long {
            println!("  {} of {} faults played", play.seeds - left, play.seeds);
        }
    }
    Ok(())
}

async fn play_meeting(play: &mut Play<'_>, signal: Signal, count: u32) -> Result<()> {
    let stack = play.stack;
    let meeting = Meeting::start(stack).await?;
    let (mut faults, mut ghost) = (Vec::new(), None);
    sleep(SPEAKING).await;
    for _ in 0..count {
        sleep(BETWEEN).await;
        meeting.set_last_muted(true);
        sleep(MUTED_BEFORE).await;
        play.random_pause(MOMENT_S).await;
        let recorders = Recorders::find(stack, &meeting.room).await;
        let (at, answered) = match signal {
            Signal::KILL => stack.crash(EGRESS).await?,
            _ => (stack.take_down(EGRESS, signal).await?, stack.bring_up(EGRESS).await?),
        };
        faults.push(Fault { at, answered });
        if signal == Signal::KILL {
            ghost.get_or_insert_with(|| tokio::spawn(recorders.gone(at)));
        }
        sleep(SPEAKING).await;
        meeting.set_last_muted(false);
    }
    sleep(SPEAKING).await;
    if let Some(ghost) = ghost {
        play.played.figures.extend(ghost.await?);
    }
    let ended = meeting.end(END_TIMEOUT).await?;
    play.add(&ended, &faults);
    Ok(())
}
