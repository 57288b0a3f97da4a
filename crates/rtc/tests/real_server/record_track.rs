//! The example `record_track` records a real room.

use test_support::{
    TrackPublisher,
    audio::{RecordedFile, tone_share},
};

use crate::support::start_server;

#[path = "../../examples/record_track.rs"]
#[expect(dead_code, reason = "only `record` is tested, without the command line")]
mod example;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_records_the_microphone_of_one_participant() {
    let server = start_server().await;
    let alice = TrackPublisher::join(&server, "room", "alice", Default::default()).await;
    let bob = TrackPublisher::join(&server, "room", "bob", Default::default()).await;
    let mut file = Vec::new();

    let talking = async {
        tokio::join!(alice.play_tone(440.0, 3000), bob.play_tone(660.0, 3000));
        alice.leave().await;
        bob.leave().await;
    };
    let (recorded, ()) = tokio::join!(
        example::record(server.recorder_config("room"), Some("bob"), &mut file),
        talking
    );

    recorded.unwrap();
    let recording = RecordedFile::open(&file);
    assert!(recording.duration_ms() > 1500.0, "{} ms", recording.duration_ms());
    assert!(tone_share(recording.part(0, 500..1400), 660.0) > 0.9);
}
