//! Two people hear the same thing at the same time; their files must say so.

use std::time::{Duration, Instant};

use domain::manifest::Manifest;
use e2e::{audio::Chirp, stack::Stack};
use media::timeline;

/// How far apart the same moment may lie in two files. Loose: the strict figure is measured by a bench, on a machine
/// that does nothing else.
const APART_MS: u64 = 100;

#[tokio::test]
async fn the_same_moment_in_two_files_is_the_same_moment_by_their_manifests() {
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

    let mut moments = Vec::new();
    for track in &tracks {
        let recording = stack.accepted_recording("standup", track).await;
        let manifest = stack.manifest(&recording).await;
        let found = chirp.find(&stack.listen(&recording).await.samples);
        moments.push(
            found
                .iter()
                .map(|&sample| wall_ms(&manifest, sample))
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!([moments[0].len(), moments[1].len()], [20, 20]);
    let apart: Vec<u64> = moments[0]
        .iter()
        .zip(&moments[1])
        .map(|(ada, bob)| ada.abs_diff(*bob))
        .collect();
    assert!(apart.iter().all(|&apart| apart <= APART_MS), "{apart:?} ms apart");
    stack.finish().await;
}

/// When a sample was spoken, by the manifest, in ms since 1970.
fn wall_ms(manifest: &Manifest, sample: usize) -> i64 {
    timeline::place(&manifest.trackscribe.clock.fit, 0, sample as u64)
}
