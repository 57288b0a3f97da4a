//! Two people hear the same chirps at the same instants; where do their recordings place them?

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use domain::manifest::Manifest;
use media::opus::decode::{Decoder, OutputRate};

use super::{
    chirp::{self, Chirps},
    figures,
    path::manifest,
    stand::Stand,
};

/// Both begin so long after they have been told.
const LEAD: Duration = Duration::from_millis(500);

/// Silence before the first chirp: by then both are recorded.
const SILENCE: Duration = Duration::from_secs(3);

pub async fn run(stand: &Stand, chirps: u32) -> Result<()> {
    let room = stand.new_room();
    stand.api.ensure_room(&room).await?;
    let chirps = Chirps::new(chirps, SILENCE);
    println!(
        "two publishers send {} chirps in {:.0} s",
        chirps.starts.len(),
        chirps.length().as_secs_f64()
    );
    let frames = chirp::frames(&chirps.sound())?;
    let first = stand.speaker(&room, "first", frames.clone()).await?;
    let second = stand.speaker(&room, "second", frames).await?;
    let start = Instant::now() + LEAD;
    let talking = [first.talk_from(start), second.talk_from(start)];
    tokio::time::sleep(LEAD + chirps.length()).await;
    let mut places = Vec::new();
    for one in talking {
        let sid = one.track_sid.clone();
        one.stop().await;
        places.push(places_of(stand, &room, &sid, &chirps).await?);
    }
    let apart: Vec<f64> = places[0].iter().zip(&places[1]).map(|(a, b)| (a - b).abs()).collect();
    println!(
        "{}",
        figures::line(
            "the same chirp in two recordings, apart",
            &apart,
            "ms",
            "p95 should be at most 50"
        )
    );
    Ok(())
}

/// Where each chirp lies by the manifest, in milliseconds since 1970 less a whole number of days.
async fn places_of(stand: &Stand, room: &str, track_sid: &str, chirps: &Chirps) -> Result<Vec<f64>> {
    let manifest = manifest(stand, room, track_sid).await?;
    let file = manifest.files.first().context("the manifest names no file")?;
    let bytes = std::fs::read(stand.site.data.objects().join(&file.filename))?;
    let found = chirps.find(&decoded(&bytes)?);
    ensure!(
        found.len() == chirps.starts.len(),
        "{} of {} chirps are in the recording of {track_sid}",
        found.len(),
        chirps.starts.len()
    );
    Ok(found.into_iter().map(|sample| at_ms(&manifest, sample)).collect())
}

fn at_ms(manifest: &Manifest, sample: usize) -> f64 {
    const DAY_NS: i64 = 86_400_000_000_000;
    let fit = manifest.trackscribe.clock.fit;
    ((fit.a_ns % DAY_NS) as f64 + fit.b_ns * sample as f64) / 1e6
}

fn decoded(ogg: &[u8]) -> Result<Vec<f32>> {
    let mut decoder = Decoder::open(ogg, OutputRate::Hz48000)?;
    let mut sound = Vec::new();
    while let Some(block) = decoder.next_block()? {
        sound.resize(block.start as usize, 0.0);
        sound.extend(block.samples.iter().map(|&sample| f32::from(sample) / 32768.0));
    }
    Ok(sound)
}
