//! Measures how long an egress takes to start, requested as LiveKit does.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use livekit_api::services::egress::TrackEgressOutput;
use livekit_protocol::DirectFileOutput;

use super::{
    env::BenchEnv,
    figures, sounds,
    spool::{has_packet, wait_for_end},
};

/// Pause between two checks of the spool; the figures are tens of milliseconds.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// A recording that has no packet after this time has failed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long both publishers send before the request, so that their connections are established.
const SETTLE: Duration = Duration::from_millis(700);

pub async fn run(env: &BenchEnv, runs: u32) -> Result<()> {
    let (mut joined, mut fresh) = (Vec::new(), Vec::new());
    for number in 1..=runs {
        let (first, second) = record_two_tracks(env).await.with_context(|| format!("run {number}"))?;
        println!("  {number:>3}/{runs}  room not joined {first:6.1} ms   room joined {second:6.1} ms");
        fresh.push(first);
        joined.push(second);
    }
    println!("StartTrackEgress sent → first packet in the spool");
    println!(
        "{}",
        figures::line("  room joined    ", &joined, "ms", "median should be at most 150")
    );
    println!(
        "{}",
        figures::line("  room not joined", &fresh, "ms", "median should be at most 400")
    );
    Ok(())
}

/// Measures, in milliseconds, the first recording in a room, and a second one while the first runs.
async fn record_two_tracks(env: &BenchEnv) -> Result<(f64, f64)> {
    let room = env.new_room();
    let tone = sounds::tone_frames()?;
    let first = env.publisher(&room, "first", tone.clone()).await?.start();
    let second = env.publisher(&room, "second", tone).await?.start();
    tokio::time::sleep(SETTLE).await;
    let fresh = start_recording(env, &room, &first.first_packet.track_sid).await?;
    tokio::time::sleep(SETTLE).await;
    let joined = start_recording(env, &room, &second.first_packet.track_sid).await?;
    first.stop().await;
    second.stop().await;
    wait_for_end(env, &room, TIMEOUT).await?;
    Ok((fresh, joined))
}

/// Requests a recording and returns the milliseconds until its first packet is in the spool.
async fn start_recording(env: &BenchEnv, room: &str, track_sid: &str) -> Result<f64> {
    let spool = env.data.spool();
    let before = files(&spool);
    let requested = Instant::now();
    let file = DirectFileOutput {
        filepath: format!("bench/{room}/{{track_id}}.ogg"),
        ..Default::default()
    };
    let output = TrackEgressOutput::File(Box::new(file));
    let call = env.egress.start_track_egress(room, output, track_sid);
    let first_packet = async {
        while !files(&spool).difference(&before).any(|file| has_packet(file)) {
            if requested.elapsed() > TIMEOUT {
                bail!(
                    "no packet in {} after {TIMEOUT:?}; the logs are in {}",
                    spool.display(),
                    env.data.logs().display()
                );
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(requested.elapsed().as_secs_f64() * 1000.0)
    };
    let (response, elapsed_ms) = tokio::join!(call, first_packet);
    response.context("StartTrackEgress failed")?;
    elapsed_ms
}

/// Lists the files in all folders of the spool.
fn files(spool: &Path) -> BTreeSet<PathBuf> {
    let entries = |folder: PathBuf| {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    entries(spool.to_owned())
        .filter(|path| path.is_dir())
        .flat_map(entries)
        .collect()
}
