//! `trackscribe demo`: two voices meet in a room, and the transcript must attribute their words to the right names.
//!
//! Nothing is simulated: tokens come from the API, audio goes through livekit-server, webhooks, egress, speech
//! recognition and export.

pub mod participant;
mod progress;
mod report;
pub mod score;
pub mod voices;
mod wait;

use std::process::ExitCode;

use anyhow::{Context, Result};
use boot::Shutdown;
use clap::Args;
use domain::transcript::Transcript;

use self::{
    participant::{Participant, Room, StartSignal},
    progress::Progress,
    voices::VOICES,
};
use crate::{
    api::Recording,
    setup::Site,
    temporary_stack::{STARTING, StackArgs, TemporaryStack, new_room, until_shutdown},
};

/// Records and transcribes a meeting of two bundled voices, and checks the transcript
///
/// Starts a stack on free ports and stops it afterwards. Exits with code 0 only if at least 90 % of each speaker's words
/// are in the transcript under the right name.
#[derive(Debug, Args)]
pub struct DemoArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Gives each voice the name of the other, which must fail
    #[arg(long, hide = true)]
    swap_names: bool,
}

pub async fn run(args: DemoArgs, shutdown: Shutdown) -> Result<ExitCode> {
    let mut progress = Progress::start();
    progress.begin(STARTING);
    let transcribe_all = ("TRACKSCRIBE_TRANSCRIBE_CONCURRENCY", VOICES.len().to_string());
    let stack = TemporaryStack::start(&args.stack, &[transcribe_all], &shutdown).await?;
    progress.done("start");
    let outcome = until_shutdown(&shutdown, run_meeting(&stack, args.swap_names, &mut progress)).await;
    let logs = stack.prepared().site.data.logs();
    progress.begin("Stopping everything that was started");
    stack.stop().await;
    progress.done("stop");
    let is_good = outcome.with_context(|| format!("the logs are in {}", logs.display()))?;
    println!("{}", progress.summary());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Holds the meeting, waits for its transcript and prints it. Returns whether the transcript is good enough.
async fn run_meeting(stack: &TemporaryStack, swap_names: bool, progress: &mut Progress) -> Result<bool> {
    let prepared = stack.prepared();
    let (api, name) = (stack.api()?, new_room("demo"));
    let room = Room {
        api: &api,
        name: &name,
        secrets: &prepared.secrets,
    };
    progress.begin(&format!("Two voices meet in room {name}"));
    hold_meeting(room, swap_names, progress).await?;
    progress.done("meeting");
    progress.begin("Waiting for recordings and transcript");
    let meeting = wait::for_transcript(room, progress).await?;
    let (transcript, recordings) = (api.transcript(meeting).await?, api.recordings(meeting).await?);
    progress.done("transcript");
    Ok(print_report(&prepared.site, &transcript, &recordings))
}

async fn hold_meeting(room: Room<'_>, swap_names: bool, progress: &mut Progress) -> Result<()> {
    room.api.ensure_room(room.name).await?;
    let [robert, angus] = &VOICES;
    let names = if swap_names {
        [angus.name, robert.name]
    } else {
        [robert.name, angus.name]
    };
    let robert = Participant::join(room, robert, names[0]).await?;
    progress.say(format!("{} has joined", names[0]));
    let angus = Participant::join(room, angus, names[1]).await?;
    progress.say(format!("{} has joined", names[1]));
    let start = StartSignal::default();
    let recorded = async {
        let recorded = wait::for_both_recordings(room, progress).await;
        start.send();
        recorded
    };
    let (first, second, recorded) = tokio::join!(robert.speak(start.clone()), angus.speak(start.clone()), recorded);
    recorded.and(first).and(second)?;
    progress.say("both have left");
    Ok(())
}

fn print_report(site: &Site, transcript: &Transcript, recordings: &[Recording]) -> bool {
    let results = report::score_speakers(transcript, &VOICES);
    println!("\nTranscript\n{}", report::transcript(transcript));
    println!("\nFiles\n{}", report::files(&site.data, recordings, transcript));
    println!("\nWords\n{}\n", report::scores(&results));
    results.iter().all(report::SpeakerResult::is_good)
}
