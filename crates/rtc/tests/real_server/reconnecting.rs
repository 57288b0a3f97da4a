//! Faults of signalling, media and server.

use rtc::{LeaveReason, publisher::PublisherEvent, simulate::Fault};

use crate::support::{Listener, frames, publish, start_server};

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_websocket_loses_no_packet() {
    let server = start_server().await;
    let (_alice, track) = publish(&server, "room", "alice").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;
    let (frames, sid) = (frames(1, 150), track.sid().clone());
    let playing = {
        let frames = frames.clone();
        tokio::spawn(async move { track.play(frames).await.map(|()| track) })
    };

    listener
        .until("some packets have arrived", |l| l.payloads(&sid).len() > 25)
        .await;
    listener.subscriber.simulate(Fault::DropSignal);
    listener
        .until("signalling is resumed", |l| l.has_reported("resumed"))
        .await;
    listener
        .until("the last frame has arrived", |l| l.received(&sid, &frames[149]))
        .await;

    let mut packets = listener.packets[&sid].clone();
    packets.sort_by_key(|packet| packet.seq_no);
    let payloads: Vec<_> = packets.into_iter().map(|packet| packet.payload).collect();
    assert_eq!(payloads, frames);
    playing.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_published_while_signalling_is_down_is_found_on_resume() {
    let server = start_server().await;
    let (_alice, _track) = publish(&server, "room", "alice").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;

    listener.subscriber.simulate(Fault::DropSignal);
    let (_bob, bob_track) = publish(&server, "room", "bob").await;
    listener
        .until("bob's track is subscribed", |l| {
            l.subscribed.iter().any(|sid| sid == bob_track.sid())
        })
        .await;

    assert!(listener.ended.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_resumed_ends_with_its_reason_and_the_room_can_be_joined_again() {
    let server = start_server().await;
    let (_alice, track) = publish(&server, "room", "alice").await;
    let mut room_sids = Vec::new();

    for fault in [Fault::ServerLeave, Fault::FailMedia] {
        let mut listener = Listener::join(server.recorder_config("room")).await;
        listener
            .until("the track is subscribed", |l| l.subscribed.len() == 1)
            .await;
        room_sids.push(listener.subscriber.room_sid());

        listener.subscriber.simulate(fault);
        listener.until("the subscriber has left", |l| l.left.is_some()).await;

        assert!(matches!(listener.left, Some(LeaveReason::Disconnected { .. })));
    }
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;
    let frames = frames(1, 20);
    listener.during(track.play(frames.clone())).await.unwrap();
    listener
        .until("the last frame has arrived", |l| l.received(track.sid(), &frames[19]))
        .await;

    assert_eq!(listener.payloads(track.sid()), frames);
    assert!(room_sids.iter().all(|sid| *sid == listener.subscriber.room_sid()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_resumes_and_its_track_continues() {
    let server = start_server().await;
    let (alice, mut events) = rtc::publisher::join(server.publisher_config("room", "alice"))
        .await
        .unwrap();
    let track = alice
        .publish_audio(rtc::publisher::AudioOptions::default())
        .await
        .unwrap();
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;

    alice.simulate(Fault::DropSignal);
    while !matches!(events.recv().await, Some(PublisherEvent::Resumed)) {}
    let frames = frames(1, 20);
    listener.during(track.play(frames.clone())).await.unwrap();
    listener
        .until("the last frame has arrived", |l| l.received(track.sid(), &frames[19]))
        .await;

    assert_eq!(listener.payloads(track.sid()), frames);
    assert!(listener.ended.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_stops_silently_is_noticed_after_six_seconds() {
    let server = start_server().await;
    let (_alice, track) = publish(&server, "room", "alice").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;
    let (frames, sid) = (frames(1, 450), track.sid().clone());
    let playing = {
        let frames = frames.clone();
        tokio::spawn(async move { track.play(frames).await })
    };
    listener
        .until("some packets have arrived", |l| l.payloads(&sid).len() > 10)
        .await;

    listener.subscriber.simulate(Fault::LoseMedia { one_in: 1 });
    listener
        .until("the loss is noticed", |l| l.has_reported("resumed"))
        .await;
    listener.subscriber.simulate(Fault::LoseMedia { one_in: 0 });
    listener
        .until("the last frame has arrived", |l| l.received(&sid, &frames[449]))
        .await;

    playing.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_falls_silent_is_no_alarm_because_the_server_goes_on_reporting() {
    let server = start_server().await;
    let (_alice, track) = publish(&server, "room", "alice").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;
    listener.during(track.play(frames(1, 50))).await.unwrap();
    let reports = listener.reports;

    listener
        .until("a silence was long enough", |l| l.reports >= reports + 4)
        .await;

    assert!(!listener.has_reported("reconnecting"));
}
