//! Two publishers send the same chirps at the same time. Measures how far apart their recordings place each chirp.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use domain::SampleTime;
use domain::manifest::Manifest;
use media::opus::decode::Decoder;

use super::{
    env::BenchEnv,
    figures,
    path::manifest,
    sounds::{self, Chirps},
};

/// Time to hand the frames to both publishers before they start.
const LEAD: Duration = Duration::from_millis(500);

/// Silence before the first chirp, in which both recordings start.
const SILENCE: Duration = Duration::from_secs(3);

pub async fn run(env: &BenchEnv, chirps: u32) -> Result<()> {
    let room = env.new_room();
    env.api.ensure_room(&room).await?;
    let chirps = Chirps::new(chirps, SILENCE);
    println!(
        "two publishers send {} chirps in {:.0} s",
        chirps.starts.len(),
        chirps.duration().as_secs_f64()
    );
    let [first, second] = send_chirps(env, &room, &chirps).await?;
    let first_ms = chirp_times_ms(env, &room, &first, &chirps).await?;
    let second_ms = chirp_times_ms(env, &room, &second, &chirps).await?;
    let pairs = first_ms.iter().zip(&second_ms);
    let differences: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).collect();
    println!(
        "{}",
        figures::line(
            "difference between the two recordings of a chirp",
            &differences,
            "ms",
            "p95 should be at most 50"
        )
    );
    Ok(())
}

/// Sends the chirps as two participants at the same time, and returns the sids of their tracks.
async fn send_chirps(env: &BenchEnv, room: &str, chirps: &Chirps) -> Result<[String; 2]> {
    let frames = sounds::frames(&chirps.sound())?;
    let first = env.publisher(room, "first", frames.clone()).await?;
    let second = env.publisher(room, "second", frames).await?;
    let start = Instant::now() + LEAD;
    let publishers = [first.start_at(start), second.start_at(start)];
    tokio::time::sleep(LEAD + chirps.duration()).await;
    let sids = publishers
        .each_ref()
        .map(|publisher| publisher.first_packet.track_sid.clone());
    for publisher in publishers {
        publisher.stop().await;
    }
    Ok(sids)
}

/// The time of each chirp in a recording according to its manifest, in milliseconds since 1970 modulo one day.
async fn chirp_times_ms(env: &BenchEnv, room: &str, track_sid: &str, chirps: &Chirps) -> Result<Vec<f64>> {
    let manifest = manifest(env, room, track_sid).await?;
    let file = manifest.files.first().context("the manifest names no file")?;
    let bytes = std::fs::read(env.object(&file.filename))?;
    let found = chirps.find(&decode(&bytes)?);
    ensure!(
        found.len() == chirps.starts.len(),
        "the recording of {track_sid} contains {} of {} chirps",
        found.len(),
        chirps.starts.len()
    );
    Ok(found.into_iter().map(|sample| time_ms(&manifest, sample)).collect())
}

fn time_ms(manifest: &Manifest, sample: usize) -> f64 {
    const DAY_NS: i64 = 86_400_000_000_000;
    let fit = manifest.trackscribe.clock.fit;
    ((fit.a_ns.0 % DAY_NS) as f64 + fit.b_ns * sample as f64) / 1e6
}

fn decode(ogg: &[u8]) -> Result<Vec<f32>> {
    let mut decoder = Decoder::<_, SampleTime>::open(ogg)?;
    let mut sound = Vec::new();
    while let Some(block) = decoder.next_block()? {
        sound.resize(block.start.samples() as usize, 0.0);
        sound.extend(block.samples.iter().map(|&sample| f32::from(sample) / 32768.0));
    }
    Ok(sound)
}
