//! How much of what someone says is missing at the start, with everything between them and the file.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use domain::{ObjectKey, manifest::Manifest};

use super::{figures, speaker::Talking, stand::Stand};

/// Samples of a millisecond.
const SAMPLES_PER_MS: f64 = 48.0;

/// How long each one talks: long enough for the recording to begin, and for the next to find the room joined.
const TALK: Duration = Duration::from_secs(2);

/// How long files may take to be stored and accepted.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the delay and the missing audio have to do with each other.
const MISSING: &str = "the same less the way of a packet";

#[derive(Default)]
struct Measured {
    delay_ms: Vec<f64>,
    missing_ms: Vec<f64>,
}

pub async fn run(stand: &Stand, runs: u32) -> Result<()> {
    let (mut fresh, mut joined) = (Measured::default(), Measured::default());
    for number in 1..=runs {
        one_room(stand, &mut fresh, &mut joined)
            .await
            .with_context(|| format!("run {number}"))?;
        let last = |of: &Measured| of.delay_ms.last().copied().unwrap_or(f64::NAN);
        let (fresh, joined) = (last(&fresh), last(&joined));
        println!("  {number:>3}/{runs}  room not joined {fresh:6.1} ms   room joined {joined:6.1} ms");
    }
    println!("publisher's first packet sent → first packet in the file");
    show("room joined    ", &joined.delay_ms, "median should be at most 400");
    show("room not joined", &fresh.delay_ms, "median should be at most 700");
    println!("audio missing at the start of the file, by RTP timestamps");
    show("room joined    ", &joined.missing_ms, MISSING);
    show("room not joined", &fresh.missing_ms, MISSING);
    Ok(())
}

fn show(what: &str, values: &[f64], target: &str) {
    println!("  {}", figures::line(what, values, "ms", target));
}

/// Two people one after the other in a room that records by itself.
async fn one_room(stand: &Stand, fresh: &mut Measured, joined: &mut Measured) -> Result<()> {
    let room = stand.new_room();
    stand.api.ensure_room(&room).await?;
    let tone = super::chirp::tone_frames()?;
    let first = stand.speaker(&room, "first", tone.clone()).await?.talk();
    tokio::time::sleep(TALK).await;
    let second = stand.speaker(&room, "second", tone).await?.talk();
    tokio::time::sleep(TALK).await;
    let sent = [sent(&first), sent(&second)];
    first.stop().await;
    second.stop().await;
    for (of, sent) in [fresh, joined].into_iter().zip(sent) {
        of.add(&sent, &manifest(stand, &room, &sent.track_sid).await?);
    }
    Ok(())
}

/// What is known of a track before it is recorded.
struct Sent {
    track_sid: String,
    first_sent_ns: i64,
    first_timestamp: u32,
}

fn sent(talking: &Talking) -> Sent {
    Sent {
        track_sid: talking.track_sid.clone(),
        first_sent_ns: talking.first_sent_ns,
        first_timestamp: talking.first_timestamp,
    }
}

impl Measured {
    fn add(&mut self, sent: &Sent, manifest: &Manifest) {
        let clock = &manifest.trackscribe.clock;
        self.delay_ms
            .push((clock.first_arrival_ns - sent.first_sent_ns) as f64 / 1e6);
        // LiveKit forwards a track's first timestamps as they are.
        let missing = clock.first_rtp_timestamp.wrapping_sub(sent.first_timestamp);
        self.missing_ms.push(f64::from(missing) / SAMPLES_PER_MS);
    }
}

/// Waits for a track's manifest.
pub async fn manifest(stand: &Stand, room: &str, track_sid: &str) -> Result<Manifest> {
    let key = accepted(stand, room, track_sid).await?;
    let file = stand.site.data.objects().join(key.manifest().as_str());
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Manifest::from_json(&bytes)?)
}

/// Waits until a track's recording is stored and checked.
async fn accepted(stand: &Stand, room: &str, track_sid: &str) -> Result<ObjectKey> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let meetings = stand.api.meetings(room).await?;
        for meeting in meetings {
            let recordings = stand.api.recordings(meeting.id).await?;
            let found = recordings
                .into_iter()
                .find(|r| r.track_sid == track_sid && r.offset_ms.is_some());
            if let Some(key) = found.and_then(|r| r.object_key) {
                return Ok(ObjectKey::parse(key)?);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the recording of {track_sid} is not stored after {PATIENCE:?}")
}
