//! How long a recorder takes to begin, asked as LiveKit asks it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use livekit_api::services::egress::{EgressListFilter, EgressListOptions, TrackEgressOutput};
use livekit_protocol::{DirectFileOutput, EgressStatus};
use media::opus::PacketStream;

use super::{figures, speaker::Talking, stand::Stand};

/// Between two looks at the spool; the figures are tens of milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A recording that has not begun after this time counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long everybody talks before the recorder is asked: a connection is then no longer in its first exchanges.
const SETTLE: Duration = Duration::from_millis(700);

pub async fn run(stand: &Stand, runs: u32) -> Result<()> {
    let (mut joined, mut fresh) = (Vec::new(), Vec::new());
    for number in 1..=runs {
        let (first, second) = two_in_one_room(stand).await.with_context(|| format!("run {number}"))?;
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

/// Milliseconds for the first recording in a room, and for the second while that runs.
async fn two_in_one_room(stand: &Stand) -> Result<(f64, f64)> {
    let room = stand.new_room();
    let tone = super::chirp::tone_frames()?;
    let first = stand.speaker(&room, "first", tone.clone()).await?.talk();
    let second = stand.speaker(&room, "second", tone).await?.talk();
    tokio::time::sleep(SETTLE).await;
    let fresh = one(stand, &room, &first).await?;
    tokio::time::sleep(SETTLE).await;
    let joined = one(stand, &room, &second).await?;
    first.stop().await;
    second.stop().await;
    ended(stand, &room).await?;
    Ok((fresh, joined))
}

/// Asks for one recording, and looks until its first packet is in the spool.
async fn one(stand: &Stand, room: &str, talking: &Talking) -> Result<f64> {
    let spool = stand.site.data.spool();
    let before = files(&spool);
    let asked = Instant::now();
    let file = DirectFileOutput {
        filepath: format!("bench/{room}/{{track_id}}.ogg"),
        ..Default::default()
    };
    let output = TrackEgressOutput::File(Box::new(file));
    let call = stand.egress.start_track_egress(room, output, &talking.track_sid);
    let begun = async {
        while !files(&spool).difference(&before).any(|file| has_sound(file)) {
            if asked.elapsed() > PATIENCE {
                bail!(
                    "no packet in {} after {PATIENCE:?}; the logs are in {}",
                    spool.display(),
                    stand.site.data.logs().display()
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(asked.elapsed().as_secs_f64() * 1000.0)
    };
    let (answer, begun) = tokio::join!(call, begun);
    answer.context("StartTrackEgress failed")?;
    begun
}

/// Waits until all recordings of the room are stored, so that the next run has the machine for itself.
async fn ended(stand: &Stand, room: &str) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let options = EgressListOptions {
            filter: EgressListFilter::Room(room.to_owned()),
            active: false,
            ..Default::default()
        };
        let listed = stand.egress.list_egress(options).await.context("ListEgress failed")?;
        if listed
            .iter()
            .all(|info| info.status() as i32 >= EgressStatus::EgressComplete as i32)
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the recordings of {room} do not end")
}

/// All files in the spool's folders.
fn files(spool: &Path) -> BTreeSet<PathBuf> {
    let inside = |folder: PathBuf| {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    inside(spool.to_owned())
        .filter(|path| path.is_dir())
        .flat_map(inside)
        .collect()
}

fn has_sound(file: &Path) -> bool {
    let Ok(bytes) = fs::read(file) else { return false };
    let Ok(mut stream) = PacketStream::open(bytes.as_slice()) else {
        return false;
    };
    matches!(stream.next_packet(), Ok(Some(_)))
}
