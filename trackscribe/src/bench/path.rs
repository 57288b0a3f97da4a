//! Measures how much audio is missing at the start of a recording that Trackscribe requests by itself.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use domain::{ObjectKey, manifest::Manifest};

use super::{env::BenchEnv, figures, publisher::FirstPacket, sounds};

const SAMPLES_PER_MS: f64 = 48.0;

/// How long a publisher sends before the next one starts: long enough for its recording to start.
const SENDING_TIME: Duration = Duration::from_secs(2);

/// How long storing and accepting a recording may take.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(30);

/// How the missing audio relates to the delay.
const MISSING: &str = "the delay without the time that a packet travels";

#[derive(Default)]
struct Measurements {
    delay_ms: Vec<f64>,
    missing_ms: Vec<f64>,
}

pub async fn run(env: &BenchEnv, runs: u32) -> Result<()> {
    let (mut fresh, mut joined) = (Measurements::default(), Measurements::default());
    for number in 1..=runs {
        measure_room(env, &mut fresh, &mut joined)
            .await
            .with_context(|| format!("run {number}"))?;
        let last = |of: &Measurements| of.delay_ms.last().copied().unwrap_or(f64::NAN);
        let (fresh, joined) = (last(&fresh), last(&joined));
        println!("  {number:>3}/{runs}  room not joined {fresh:6.1} ms   room joined {joined:6.1} ms");
    }
    println!("publisher's first packet sent → first packet in the file");
    print("room joined    ", &joined.delay_ms, "median should be at most 400");
    print("room not joined", &fresh.delay_ms, "median should be at most 700");
    println!("audio missing at the start of the file, by RTP timestamps");
    print("room joined    ", &joined.missing_ms, MISSING);
    print("room not joined", &fresh.missing_ms, MISSING);
    Ok(())
}

fn print(what: &str, values: &[f64], target: &str) {
    println!("  {}", figures::line(what, values, "ms", target));
}

/// Publishes one track after the other in a room that is recorded automatically.
async fn measure_room(env: &BenchEnv, fresh: &mut Measurements, joined: &mut Measurements) -> Result<()> {
    let room = env.new_room();
    env.api.ensure_room(&room).await?;
    let tone = sounds::tone_frames()?;
    let first = env.publisher(&room, "first", tone.clone()).await?.start();
    tokio::time::sleep(SENDING_TIME).await;
    let second = env.publisher(&room, "second", tone).await?.start();
    tokio::time::sleep(SENDING_TIME).await;
    let first_packets = [first.first_packet.clone(), second.first_packet.clone()];
    first.stop().await;
    second.stop().await;
    for (measurements, packet) in [fresh, joined].into_iter().zip(first_packets) {
        measurements.add(&packet, &manifest(env, &room, &packet.track_sid).await?);
    }
    Ok(())
}

impl Measurements {
    fn add(&mut self, sent: &FirstPacket, manifest: &Manifest) {
        let clock = &manifest.trackscribe.clock;
        self.delay_ms
            .push((clock.first_arrival_ns.0 - sent.sent_ns) as f64 / 1e6);
        // LiveKit does not change the first timestamps of a track.
        let missing = clock.first_rtp_timestamp.wrapping_sub(sent.rtp_timestamp);
        self.missing_ms.push(f64::from(missing) / SAMPLES_PER_MS);
    }
}

/// Waits for a track's manifest and reads it.
pub async fn manifest(env: &BenchEnv, room: &str, track_sid: &str) -> Result<Manifest> {
    let key = accepted_recording(env, room, track_sid).await?;
    let file = env.object(key.manifest().as_str());
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Manifest::from_json(&bytes)?)
}

/// Waits until a track's recording is accepted, and returns its key.
async fn accepted_recording(env: &BenchEnv, room: &str, track_sid: &str) -> Result<ObjectKey> {
    let deadline = Instant::now() + ACCEPT_TIMEOUT;
    while Instant::now() < deadline {
        for meeting in env.api.meetings(room).await? {
            let recordings = env.api.recordings(meeting.id).await?;
            let accepted = recordings
                .into_iter()
                .find(|recording| recording.track_sid == track_sid && recording.offset_ms.is_some());
            if let Some(key) = accepted.and_then(|recording| recording.object_key) {
                return Ok(ObjectKey::parse(key)?);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the recording of {track_sid} was not accepted within {ACCEPT_TIMEOUT:?}")
}
