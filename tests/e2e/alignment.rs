//! Two tracks with the same sound at the same time are aligned by their manifests.

use std::time::{Duration, Instant};

use domain::{SampleTime, UnixNanos, manifest::Manifest};
use e2e::stack::Stack;
use media::timeline;
use test_support::audio::Chirp;

/// Largest difference between the two files. `trackscribe bench alignment` measures the exact figure on an idle machine.
const TOLERANCE_MS: u64 = 100;

#[tokio::test]
async fn the_manifests_of_two_files_agree_on_when_the_same_sound_was_played() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let (ada, bob) = (stack.join("standup", "Ada").await, stack.join("standup", "Bob").await);
    let microphones = [ada.microphone().await, bob.microphone().await];
    let tracks = [microphones[0].sid().to_owned(), microphones[1].sid().to_owned()];
    for track in &tracks {
        stack.active_recording("standup", track).await;
    }
    let chirp = Chirp::default();
    let starts: Vec<usize> = (0..20).map(|n| n * 19_001).collect();
    let sound = chirp.at(&starts, 20 * 19_001);

    let at = Instant::now() + Duration::from_millis(500);
    tokio::join!(microphones[0].play_at(at, &sound), microphones[1].play_at(at, &sound));
    ada.leave().await;
    bob.leave().await;

    let mut times_ms = Vec::new();
    for track in &tracks {
        let recording = stack.accepted_recording("standup", track).await;
        let manifest = stack.manifest(&recording).await;
        let found = chirp.find(&stack.decode(&recording).await.samples);
        times_ms.push(
            found
                .iter()
                .map(|&sample| wall_ms(&manifest, sample))
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!([times_ms[0].len(), times_ms[1].len()], [20, 20]);
    let apart: Vec<u64> = times_ms[0]
        .iter()
        .zip(&times_ms[1])
        .map(|(ada, bob)| ada.abs_diff(*bob))
        .collect();
    assert!(apart.iter().all(|&apart| apart <= TOLERANCE_MS), "{apart:?} ms apart");
    stack.finish().await;
}

/// The time of a sample according to the manifest, in ms since 1970.
fn wall_ms(manifest: &Manifest, sample: usize) -> i64 {
    timeline::meeting_time_ms(&manifest.trackscribe.clock.fit, UnixNanos(0), SampleTime(sample as i64))
}
