//! Waits for recordings and transcript through the API.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use domain::MeetingId;
use tokio::time::Instant;

use super::{participant::Room, progress::Progress, voices::VOICES};
use crate::api::{Meeting, Recording};

/// How long both recordings may take to start.
const RECORDING_TIMEOUT: Duration = Duration::from_secs(30);

/// How long recordings and transcript may take after the meeting. Recognition of half a minute of two voices takes 20 s
/// of two cores' time.
const TRANSCRIPT_TIMEOUT: Duration = Duration::from_secs(240);

/// Pause between two requests to the API.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Waits until both tracks are recorded, so that a slow first start loses no word.
pub async fn for_both_recordings(room: Room<'_>, progress: &mut Progress) -> Result<()> {
    let deadline = Instant::now() + RECORDING_TIMEOUT;
    while Instant::now() < deadline {
        if let Some(meeting) = latest_meeting(room).await? {
            let recordings = room.api.recordings(meeting.id).await?;
            if count(&recordings, |recording| recording.state == "active") == VOICES.len() {
                progress.say("both are being recorded; they speak for half a minute");
                return Ok(());
            }
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    bail!(
        "the two tracks are not recorded after {} s",
        RECORDING_TIMEOUT.as_secs()
    )
}

/// Waits for the transcript and prints how far it is.
pub async fn for_transcript(room: Room<'_>, progress: &mut Progress) -> Result<MeetingId> {
    let deadline = Instant::now() + TRANSCRIPT_TIMEOUT;
    while Instant::now() < deadline {
        let meeting = latest_meeting(room).await?.context("the API lists no meeting")?;
        let recordings = room.api.recordings(meeting.id).await?;
        progress.say(describe(&meeting, &recordings));
        match meeting.transcript.state.as_str() {
            "ready" | "empty" => return Ok(meeting.id),
            "failed" => bail!("the transcript failed: {}", reasons(&recordings)),
            _ => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
    bail!("there is no transcript after {} s", TRANSCRIPT_TIMEOUT.as_secs())
}

async fn latest_meeting(room: Room<'_>) -> Result<Option<Meeting>> {
    Ok(room.api.meetings(room.name).await?.into_iter().next())
}

fn describe(meeting: &Meeting, recordings: &[Recording]) -> String {
    let stored = count(recordings, |recording| recording.state == "complete");
    let accepted = count(recordings, |recording| recording.offset_ms.is_some());
    let all = recordings.len();
    match meeting.transcript.state.as_str() {
        "ready" => "the transcript is ready".to_owned(),
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

fn count(recordings: &[Recording], condition: impl Fn(&&Recording) -> bool) -> usize {
    recordings.iter().filter(condition).count()
}
