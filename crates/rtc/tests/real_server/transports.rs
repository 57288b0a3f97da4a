//! The ways media can take.

use rtc::simulate::Fault;

use crate::support::{Listener, LivekitServer, frames, publish, start_server, start_server_with};

/// One publisher, one recorder: everything arrives.
async fn everything_arrives(server: &LivekitServer) {
    let (_alice, track) = publish(server, "room", "alice").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;
    let frames = frames(1, 50);

    // Subscribed is not connected: without this the first frames would find no way yet.
    listener.during(track.play(vec![frames[0].clone(); 75])).await.unwrap();
    listener.during(track.play(frames.clone())).await.unwrap();
    listener
        .until("the last frame is there", |l| l.heard(track.sid(), &frames[49]))
        .await;

    let payloads = listener.payloads(track.sid());
    assert!(payloads.ends_with(&frames));
}

#[tokio::test(flavor = "multi_thread")]
async fn media_comes_from_an_ice_lite_server_that_never_speaks_first() {
    let server = start_server_with("use_ice_lite: true").await;

    everything_arrives(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_comes_by_tcp_where_there_is_no_udp() {
    let server = start_server_with("force_tcp: true").await;

    everything_arrives(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_tcp_in_the_middle_costs_nothing_that_comes_after() {
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
        .until("some packets are there", |l| l.payloads(&sid).len() > 10)
        .await;
    listener.subscriber.simulate(Fault::SwitchToTcp);
    listener
        .until("the last frame is there", |l| l.heard(&sid, &frames[199]))
        .await;

    playing.await.unwrap().unwrap();
    // The move takes a second (the server waits that long for better ways), of which NACK brings back most.
    assert!(
        frames[150..].iter().all(|frame| listener.heard(&sid, frame)),
        "nothing is missing after the move"
    );
    let missing = frames.iter().filter(|frame| !listener.heard(&sid, frame)).count();
    assert!(missing < 50, "{missing} packets are missing");
    assert!(!listener.was_told("reconnected"));
}
