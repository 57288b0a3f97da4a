//! Packets arrive as they were sent.

use std::time::{Duration, Instant};

use rtc::{
    publisher::{AudioOptions, OpusFrame},
    simulate::Fault,
};

use crate::support::{Listener, frames, publish, publisher, start_server};

#[tokio::test(flavor = "multi_thread")]
async fn every_packet_of_two_publishers_arrives_in_order() {
    let server = start_server().await;
    let (_alice, alice_track) = publish(&server, "room", "alice").await;
    let (_bob, bob_track) = publish(&server, "room", "bob").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("both tracks are subscribed", |l| l.subscribed.len() == 2)
        .await;
    let (alice_frames, bob_frames) = (frames(1, 100), frames(2, 100));

    let (alice_played, bob_played) = listener
        .during(async {
            tokio::join!(
                alice_track.play(alice_frames.clone()),
                bob_track.play(bob_frames.clone())
            )
        })
        .await;
    listener
        .until("the last frames have arrived", |l| {
            l.received(alice_track.sid(), &alice_frames[99]) && l.received(bob_track.sid(), &bob_frames[99])
        })
        .await;

    alice_played.and(bob_played).unwrap();
    assert_eq!(listener.payloads(alice_track.sid()), alice_frames);
    assert_eq!(listener.payloads(bob_track.sid()), bob_frames);
    let packets = &listener.packets[alice_track.sid()];
    assert!(packets.windows(2).all(|pair| pair[1].seq_no == pair[0].seq_no.next()));
    assert!(
        packets
            .windows(2)
            .all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) == 960)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_packet_leaves_a_gap_unless_red_repairs_it() {
    let server = start_server().await;
    for (identity, red, expected) in [("plain", false, 9), ("red", true, 10)] {
        let speaker = publisher(&server, identity, identity).await;
        let track = speaker
            .publish_audio(AudioOptions {
                red,
                ..Default::default()
            })
            .await
            .unwrap();
        let mut listener = Listener::join(server.recorder_config(identity)).await;
        listener
            .until("the track is subscribed", |l| l.subscribed.len() == 1)
            .await;
        let frames = frames(1, 10);

        // The server needs a moment to process our answer and forwards nothing before.
        let start = Instant::now() + Duration::from_millis(100);
        for (index, payload) in (0u32..).zip(frames.clone()) {
            let at = start + Duration::from_millis(20) * index;
            let frame = OpusFrame {
                at,
                timestamp: index * 960,
                payload,
            };
            if index == 5 {
                track.skip_lost(frame).await
            } else {
                track.send(frame).await
            }
            .unwrap();
        }
        listener
            .until("the last frame has arrived", |l| l.received(track.sid(), &frames[9]))
            .await;

        let packets = &listener.packets[track.sid()];
        assert_eq!(packets.len(), expected, "{identity}");
        assert_eq!(packets.last().unwrap().seq_no.0 - packets[0].seq_no.0, 9);
        assert!(
            packets.iter().all(|packet| frames.contains(&packet.payload)),
            "plain Opus only"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_that_starts_muted_is_received_after_the_unmute() {
    let server = start_server().await;
    let speaker = publisher(&server, "room", "alice").await;
    let track = speaker
        .publish_audio(AudioOptions {
            muted: true,
            ..Default::default()
        })
        .await
        .unwrap();
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;
    assert!(listener.tracks[track.sid()].muted);

    track.unmute().unwrap();
    listener
        .until("the unmute is reported", |l| l.has_reported("muted false"))
        .await;
    let frames = frames(1, 20);
    listener.during(track.play(frames.clone())).await.unwrap();
    listener
        .until("the last frame has arrived", |l| l.received(track.sid(), &frames[19]))
        .await;

    assert_eq!(listener.payloads(track.sid()), frames);
}

#[tokio::test(flavor = "multi_thread")]
async fn sender_reports_arrive_for_a_subscribed_track() {
    let server = start_server().await;
    let (_alice, track) = publish(&server, "room", "alice").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;

    let playing = tokio::spawn(async move { track.play(frames(1, 500)).await });
    listener.until("a report arrives", |l| l.reports > 0).await;

    playing.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_lost_on_the_way_to_us_are_retransmitted() {
    let server = start_server().await;
    for red in [false, true] {
        let room = format!("red {red}");
        let speaker = publisher(&server, &room, "alice").await;
        let track = speaker
            .publish_audio(AudioOptions {
                red,
                ..Default::default()
            })
            .await
            .unwrap();
        let mut listener = Listener::join(server.recorder_config(&room)).await;
        listener
            .until("the track is subscribed", |l| l.subscribed.len() == 1)
            .await;
        listener.subscriber.simulate(Fault::LoseMedia { one_in: 10 });
        let frames = frames(1, 120);

        listener.during(track.play(frames.clone())).await.unwrap();
        // The loss of the last packets goes unnoticed, because no packet follows them.
        listener
            .until("all but the last have arrived", |l| {
                frames[..110].iter().all(|frame| l.received(track.sid(), frame))
            })
            .await;
    }
}
