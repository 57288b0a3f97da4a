//! Measures what many recordings at once cost: requests that are refused, the time to the first packet, and CPU time.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, future, stream};
use livekit_api::services::egress::{EgressClient, TrackEgressOutput};
use livekit_protocol::DirectFileOutput;

use super::{
    cpu::CpuClock,
    env::BenchEnv,
    figures,
    publisher::SendingPublisher,
    sounds,
    spool::{has_packet, wait_for_end},
};
use crate::up::plan::{EGRESS, LIVEKIT};

/// People in a room.
const ROOM_SIZE: u32 = 10;

/// How many people join at the same time.
const JOINING_AT_ONCE: usize = 4;

/// How long everybody speaks before the requests, so that joining has no share in the figures.
const SETTLE: Duration = Duration::from_secs(2);

/// Pause between two checks of the spool. One check reads a small file of each recording that has no packet yet.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Everything that was accepted has a packet by then.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// All recordings are stored by then.
const END_TIMEOUT: Duration = Duration::from_secs(60);

/// How long CPU time is measured.
const MEASURED: Duration = Duration::from_secs(20);

/// What became of one request.
struct Started {
    egress_id: String,
    at: Instant,
    answered_ms: f64,
}

pub async fn run(env: &BenchEnv, tracks: u32) -> Result<()> {
    println!("  {tracks} people join, {ROOM_SIZE} in each room, and speak 50 packets per second each");
    let rooms: Vec<String> = (0..tracks.div_ceil(ROOM_SIZE)).map(|_| env.new_room()).collect();
    let speakers = join_all(env, &rooms, tracks).await?;
    tokio::time::sleep(SETTLE).await;
    let (started, refused) = request_all(env, &rooms, &speakers).await;
    print_starts(&started, &refused, &wait_for_packets(env, &started).await);
    print_cpu(env, started.len()).await?;
    future::join_all(speakers.into_iter().map(SendingPublisher::stop)).await;
    for room in &rooms {
        wait_for_end(env, room, END_TIMEOUT).await?;
    }
    println!("  every recording is stored");
    ensure!(
        refused.is_empty(),
        "{} of {tracks} requests were refused",
        refused.len()
    );
    Ok(())
}

async fn join_all(env: &BenchEnv, rooms: &[String], tracks: u32) -> Result<Vec<SendingPublisher>> {
    let tone = sounds::tone_frames()?;
    let join = |number: u32| {
        let (tone, room) = (tone.clone(), &rooms[(number / ROOM_SIZE) as usize]);
        async move {
            let publisher = env.publisher(room, &format!("speaker-{number}"), tone).await?;
            anyhow::Ok(publisher.start())
        }
    };
    let joining = stream::iter(0..tracks).map(join).buffered(JOINING_AT_ONCE);
    joining.try_collect().await.context("not everybody could join")
}

/// Requests all recordings at the same time.
async fn request_all(env: &BenchEnv, rooms: &[String], speakers: &[SendingPublisher]) -> (Vec<Started>, Vec<String>) {
    let requests = speakers.iter().enumerate().map(|(number, speaker)| {
        let room = &rooms[number / ROOM_SIZE as usize];
        request(&env.egress, room, &speaker.first_packet.track_sid)
    });
    let (mut started, mut refused) = (Vec::new(), Vec::new());
    for answer in future::join_all(requests).await {
        match answer {
            Ok(answer) => started.push(answer),
            Err(error) => refused.push(format!("{error:#}")),
        }
    }
    (started, refused)
}

async fn request(client: &EgressClient, room: &str, track_sid: &str) -> Result<Started> {
    let file = DirectFileOutput {
        filepath: format!("bench/{room}/{{track_id}}.ogg"),
        ..Default::default()
    };
    let at = Instant::now();
    let output = TrackEgressOutput::File(Box::new(file));
    let info = client.start_track_egress(room, output, track_sid).await?;
    Ok(Started {
        egress_id: info.egress_id,
        at,
        answered_ms: milliseconds(at.elapsed()),
    })
}

/// The milliseconds from each request to its first packet in the spool. Those without a packet are missing.
async fn wait_for_packets(env: &BenchEnv, started: &[Started]) -> Vec<f64> {
    let deadline = Instant::now() + START_TIMEOUT;
    let (mut delays, mut waiting): (Vec<f64>, Vec<&Started>) = (Vec::new(), started.iter().collect());
    while !waiting.is_empty() && Instant::now() < deadline {
        waiting.retain(|request| {
            let found = has_packet_in(&env.data.spool().join(&request.egress_id));
            if found {
                delays.push(milliseconds(request.at.elapsed()));
            }
            !found
        });
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    delays
}

fn has_packet_in(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.path()).any(|file| has_packet(&file))
}

fn print_starts(started: &[Started], refused: &[String], delays: &[f64]) {
    let answered: Vec<f64> = started.iter().map(|request| request.answered_ms).collect();
    println!(
        "requested at once: {}; refused: {} (target 0); accepted without a packet: {} (target 0)",
        started.len() + refused.len(),
        refused.len(),
        started.len() - delays.len(),
    );
    for reason in refused.iter().collect::<HashSet<_>>() {
        println!("  refused: {reason}");
    }
    println!(
        "{}",
        figures::line("  StartTrackEgress sent → answer      ", &answered, "ms", "no target")
    );
    println!(
        "{}",
        figures::line("  StartTrackEgress sent → first packet", delays, "ms", "no target")
    );
}

/// Measures the CPU time of the recorder, and that of livekit-server in the same seconds for comparison.
async fn print_cpu(env: &BenchEnv, tracks: usize) -> Result<()> {
    if tracks == 0 {
        bail!("no request was accepted, so there is nothing to measure");
    }
    let clocks = [EGRESS, LIVEKIT].map(|name| CpuClock::start(&env.data, name));
    tokio::time::sleep(MEASURED).await;
    println!("CPU time per track over {} s", MEASURED.as_secs());
    for (name, clock) in [EGRESS, LIVEKIT].into_iter().zip(clocks) {
        let (user, system) = clock?.millicores()?;
        let per_track = |millicores: f64| millicores / tracks as f64;
        println!(
            "  {name:<15} {:.2} millicores ({:.2} user, {:.2} system)",
            per_track(user + system),
            per_track(user),
            per_track(system),
        );
    }
    Ok(())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
