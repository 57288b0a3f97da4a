//! The transports of media: UDP, TCP, ICE-lite.

use rtc::simulate::Fault;

use crate::support::{Listener, LivekitServer, frames, publish, start_server, start_server_with};

/// Checks that a recorder receives all frames of a publisher.
async fn check_that_everything_arrives(server: &LivekitServer) {
    let (_alice, track) = publish(server, "room", "alice").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;
    let frames = frames(1, 50);

    // A subscribed track is not connected yet: without this the first frames would be lost.
    listener.during(track.play(vec![frames[0].clone(); 75])).await.unwrap();
    listener.during(track.play(frames.clone())).await.unwrap();
    listener
        .until("the last frame has arrived", |l| l.received(track.sid(), &frames[49]))
        .await;

    let payloads = listener.payloads(track.sid());
    assert!(payloads.ends_with(&frames));
}

#[tokio::test(flavor = "multi_thread")]
async fn media_arrives_from_an_ice_lite_server() {
    let server = start_server_with("use_ice_lite: true").await;

    check_that_everything_arrives(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_arrives_over_tcp_if_udp_is_not_available() {
    let server = start_server_with("force_tcp: true").await;

    check_that_everything_arrives(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_to_tcp_loses_nothing_that_follows() {
    let server = start_server().await;
    let (_alice, track) = publish(&server, "room", "alice").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;
    let frames = frames(1, 200);
    let sid = track.sid().clone();
    let playing = {
        let frames = frames.clone();
        tokio::spawn(async move { track.play(frames).await })
    };

    listener
        .until("some packets have arrived", |l| l.payloads(&sid).len() > 10)
        .await;
    listener.subscriber.simulate(Fault::SwitchToTcp);
    listener
        .until("the last frame has arrived", |l| l.received(&sid, &frames[199]))
        .await;

    playing.await.unwrap().unwrap();
    // The switch takes a second, for which the server waits for better candidates. NACK recovers most of it.
    assert!(
        frames[150..].iter().all(|frame| listener.received(&sid, frame)),
        "nothing is missing after the switch"
    );
    let missing = frames.iter().filter(|frame| !listener.received(&sid, frame)).count();
    assert!(missing < 50, "{missing} packets are missing");
}
