//! `trackscribe demo`: two voices meet in a room of a stack of their own, and what they said must come out under the
//! right names.
//!
//! Nothing is short-cut: tokens from the API, WebRTC through livekit-server, webhooks, recorder, recogniser, export.

mod meeting;
mod progress;
mod report;
mod score;
mod voices;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use boot::Shutdown;
use clap::Args;
use domain::{MeetingId, transcript::Transcript};
use secrecy::SecretString;
use tokio::time::Instant;

use self::{
    meeting::{Cue, Participant, Venue},
    progress::Progress,
    voices::VOICES,
};
use crate::{
    api::{Api, Meeting, Recording},
    setup::{Prepared, Site},
    up::{programs::ProgramArgs, stack},
};

/// How long the recorder may take to hear both.
const RECORDING_PATIENCE: Duration = Duration::from_secs(30);

/// How long recordings and transcript may take after the meeting. Recognition of half a minute of two voices takes 20 s
/// of two cores' time.
const TRANSCRIPT_PATIENCE: Duration = Duration::from_secs(240);

/// Between two looks at the API.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Lets two voices join a room of their own, records and transcribes them, and shows what came out
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where data, secrets, logs and configuration are kept; made at the first start
    #[arg(long, env = "TRACKSCRIBE_DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    data_dir: PathBuf,
    #[command(flatten)]
    programs: ProgramArgs,
    /// Gives each voice the other's name, which must fail: it proves that the check looks
    #[arg(long, hide = true)]
    swap_names: bool,
}

pub async fn run(args: DemoArgs, shutdown: Shutdown) -> Result<ExitCode> {
    let mut progress = Progress::start();
    progress.begin("Starting PostgreSQL, Redis, livekit-server, server, worker and egress on free ports");
    let mut site = Site::brief(&args.data_dir)?;
    let speakers = VOICES.len().to_string();
    site.settings.push(("TRACKSCRIBE_TRANSCRIBE_CONCURRENCY", speakers));
    let Some(stack) = stack::start(site, args.programs.find()?, &shutdown).await? else {
        bail!("stopped")
    };
    progress.done("start");
    let site = stack.prepared.site.clone();
    let outcome = shutdown
        .graceful
        .run_until_cancelled(meet(&stack.prepared, args.swap_names, &mut progress))
        .await;
    progress.begin("Stopping everything that was started");
    stack.stop().await;
    progress.done("stop");
    let is_good = outcome
        .unwrap_or_else(|| bail!("stopped"))
        .with_context(|| format!("the logs are in {}", site.data.logs().display()))?;
    println!("{}", progress.summary());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The meeting and what becomes of it; whether all of it is right.
async fn meet(prepared: &Prepared, swap_names: bool, progress: &mut Progress) -> Result<bool> {
    let site = &prepared.site;
    let key = std::fs::read_to_string(site.data.admin_key()).context("the admin key cannot be read")?;
    let api = Api::new(&site.api_url(), SecretString::from(key.trim()))?;
    let room = format!("demo-{}", hex::encode(rand::random::<[u8; 4]>()));
    progress.begin(&format!("Two voices meet in room {room}"));
    talk(
        Venue {
            api: &api,
            room: &room,
            secrets: &prepared.secrets,
        },
        swap_names,
        progress,
    )
    .await?;
    progress.done("meeting");
    progress.begin("Waiting for recordings and transcript");
    let meeting = transcribed(&api, &room, progress).await?;
    let (transcript, recordings) = (api.transcript(meeting).await?, api.recordings(meeting).await?);
    progress.done("transcript");
    Ok(show(site, &transcript, &recordings))
}

async fn talk(venue: Venue<'_>, swap_names: bool, progress: &mut Progress) -> Result<()> {
    venue.api.ensure_room(venue.room).await?;
    let [robert, angus] = &VOICES;
    let names = if swap_names {
        [angus.name, robert.name]
    } else {
        [robert.name, angus.name]
    };
    let robert = Participant::join(venue, robert, names[0]).await?;
    progress.say(format!("{} has joined", names[0]));
    let angus = Participant::join(venue, angus, names[1]).await?;
    progress.say(format!("{} has joined", names[1]));
    let cue = Cue::default();
    let recorded = async {
        let heard = both_recorded(venue, progress).await;
        cue.give();
        heard
    };
    let (first, second, recorded) = tokio::join!(robert.talk(cue.clone()), angus.talk(cue.clone()), recorded);
    recorded.and(first).and(second)?;
    progress.say("both have left");
    Ok(())
}

/// Waits until the recorder hears both, so that no word is lost to a slow first start.
async fn both_recorded(venue: Venue<'_>, progress: &mut Progress) -> Result<()> {
    let until = Instant::now() + RECORDING_PATIENCE;
    while Instant::now() < until {
        if let Some(meeting) = newest(venue.api, venue.room).await? {
            let recordings = venue.api.recordings(meeting.id).await?;
            if recordings
                .iter()
                .filter(|recording| recording.state == "active")
                .count()
                == VOICES.len()
            {
                progress.say("both are being recorded; they talk for half a minute");
                return Ok(());
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!(
        "the two tracks are not being recorded after {} s",
        RECORDING_PATIENCE.as_secs()
    )
}

/// Waits for the transcript, telling how far it is.
async fn transcribed(api: &Api, room: &str, progress: &mut Progress) -> Result<MeetingId> {
    let until = Instant::now() + TRANSCRIPT_PATIENCE;
    while Instant::now() < until {
        let meeting = newest(api, room)
            .await?
            .context("the meeting is not known to the API")?;
        let recordings = api.recordings(meeting.id).await?;
        progress.say(how_far(&meeting, &recordings));
        match meeting.transcript.state.as_str() {
            "ready" | "empty" => return Ok(meeting.id),
            "failed" => bail!("the transcript failed: {}", reasons(&recordings)),
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
    bail!("there is no transcript after {} s", TRANSCRIPT_PATIENCE.as_secs())
}

async fn newest(api: &Api, room: &str) -> Result<Option<Meeting>> {
    Ok(api.meetings(room).await?.into_iter().next())
}

fn how_far(meeting: &Meeting, recordings: &[Recording]) -> String {
    let stored = recordings
        .iter()
        .filter(|recording| recording.state == "complete")
        .count();
    let accepted = recordings
        .iter()
        .filter(|recording| recording.offset_ms.is_some())
        .count();
    let all = recordings.len();
    match meeting.transcript.state.as_str() {
        "ready" => "the transcript is ready".to_owned(),
        "running" => "merging the transcript".to_owned(),
        _ if stored < all => format!("recorded {stored}/{all}…"),
        _ if accepted < all => format!("recorded {stored}/{all}, checked {accepted}/{all}…"),
        _ if meeting.state == "open" => format!("recorded {stored}/{all}, transcribing; the room is still open…"),
        _ => format!("recorded {stored}/{all}, transcribing…"),
    }
}

fn reasons(recordings: &[Recording]) -> String {
    let reasons = recordings.iter().map(|recording| {
        format!(
            "{} is {} ({})",
            recording.identity,
            recording.state,
            recording.reason.as_deref().unwrap_or("no reason")
        )
    });
    reasons.collect::<Vec<_>>().join(", ")
}

fn show(site: &Site, transcript: &Transcript, recordings: &[Recording]) -> bool {
    let results = report::judge(transcript, &VOICES);
    println!("\nTranscript\n{}", report::transcript(transcript));
    println!("\nFiles\n{}", report::files(&site.data, recordings, transcript));
    println!("\nWords\n{}\n", report::scores(&results));
    results.iter().all(report::Result::is_good)
}
