//! The worker dies again and again, or has no speech engine.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use tokio::time::sleep;

use super::{END_TIMEOUT, Length, Play};
use crate::{
    bench::faults::{account::Fault, meeting::Meeting, stack::Variable, voice},
    up::plan::WORKER,
};

/// Kills in one meeting and while it is transcribed, in the short and in the long form.
const KILLS: (u32, u32) = (4, 10);

/// People who send tones, beside the voice. Speech recognition of a tone takes longer than that of words, so they are few.
const TONES: usize = 2;

/// The longest pause between two kills.
const MAX_PAUSE_S: f64 = 8.0;

/// PocketSphinx at a place where it is not.
const NO_LIBRARY: (&str, &str) = (
    "TRACKSCRIBE_ENGINE_POCKETSPHINX_LIBRARY",
    "/nonexistent/libpocketsphinx.so",
);

/// How long recordings wait for an engine in the short form.
const SHORT: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(600);

pub async fn kill(play: &mut Play<'_>) -> Result<()> {
    let kills = if play.length == Length::Short { KILLS.0 } else { KILLS.1 };
    for _ in 0..play.seeds {
        let meeting = Meeting::start_with(play.stack, TONES).await?;
        let at = Instant::now();
        let killing = async {
            for _ in 0..kills {
                play.random_pause(MAX_PAUSE_S).await;
                play.stack.crash(WORKER).await?;
            }
            anyhow::Ok(Instant::now())
        };
        let (spoken, answered) = tokio::join!(voice::speak(&meeting), killing);
        spoken?;
        finish(
            play,
            meeting,
            Fault {
                at,
                answered: answered?,
            },
        )
        .await?;
    }
    Ok(())
}

pub async fn no_engine(play: &mut Play<'_>) -> Result<()> {
    for _ in 0..play.seeds {
        let missing: Vec<Variable> = vec![(NO_LIBRARY.0.to_owned(), NO_LIBRARY.1.to_owned())];
        play.stack.configure(WORKER, missing).await?;
        let mut meeting = Meeting::start_with(play.stack, TONES).await?;
        let at = Instant::now();
        voice::speak(&meeting).await?;
        meeting.leave().await;
        sleep(play.outage(SHORT, LONG)).await;
        play.stack.configure(WORKER, Vec::new()).await?;
        finish(play, meeting, Fault { at, answered: at }).await?;
    }
    Ok(())
}

/// Ends the meeting and reads the transcript. While it is made, the worker is killed once more.
async fn finish(play: &mut Play<'_>, mut meeting: Meeting<'_>, fault: Fault) -> Result<()> {
    meeting.leave().await;
    play.random_pause(MAX_PAUSE_S).await;
    play.stack.take_down(WORKER, Signal::KILL).await?;
    play.stack.bring_up(WORKER).await?;
    match voice::transcript(&meeting).await {
        Ok(transcript) => play.played.figures.extend(voice::judge(&transcript)),
        Err(error) => play.played.problems.push(format!("{error:#}")),
    }
    let ended = meeting.end(END_TIMEOUT).await?;
    play.add(&ended, &[fault]);
    Ok(())
}
