//! Which connection carries which track.

use super::*;

#[test]
fn a_silent_track_moves_to_another_connection_and_the_others_stay() {
    let mut room = Room::recording(&["TR_silent", "TR_fine"]);
    room.packet(FIRST, "TR_silent");
    room.pass(8, &["TR_fine"]);
    let tried = room.effects();

    room.join(SECOND, &["TR_silent", "TR_fine"]);
    room.packet(SECOND, "TR_silent");
    room.packet(FIRST, "TR_silent");

    assert_eq!(tried, ["open 1"]);
    assert_eq!(
        room.effects(),
        ["subscribe TR_silent on 1", "unsubscribe TR_silent on 0"]
    );
    let moved = vec!["packet", "no_packets", "reconnected", "packet"];
    assert_eq!(room.received(), [moved, vec!["packet"]]);
}

#[test]
fn a_track_that_sends_again_stays_where_it_is() {
    let mut room = Room::recording(&["TR_a", "TR_b"]);
    room.packet(FIRST, "TR_a");
    room.pass(8, &["TR_b"]);
    room.join(SECOND, &["TR_a", "TR_b"]);
    room.effects();

    room.packet(FIRST, "TR_a");
    room.packet(SECOND, "TR_a");

    assert_eq!(room.effects(), ["unsubscribe TR_a on 1", "close 1"]);
    assert_eq!(room.received()[0], ["packet", "no_packets", "packet"]);
}

#[test]
fn a_publisher_that_stays_silent_costs_ever_fewer_connections_and_is_never_ended() {
    let mut room = Room::recording(&["TR_silent", "TR_fine"]);
    let mut opened = 0;

    for _ in 0..3600 {
        room.pass(1, &["TR_fine"]);
        for effect in room.core.take_effects() {
            if let Effect::Open(link) = effect {
                opened += 1;
                room.join(link, &["TR_silent", "TR_fine"]);
            }
        }
    }

    assert!(opened <= 10, "{opened} connections in an hour");
    assert!(!room.received()[0].iter().any(|event| event.starts_with("Ended")));
    assert_eq!(room.core.silence(room.now).tracks, 1);
}

#[test]
fn sender_reports_show_that_the_publisher_is_the_silent_one() {
    let mut room = Room::recording(&["TR_a", "TR_b"]);
    room.packet(FIRST, "TR_a");

    for _ in 0..15 {
        room.pass(3, &["TR_b"]);
        let report = SenderReport {
            ssrc: Ssrc(1),
            rtp_timestamp: 0,
            publisher_time: std::time::SystemTime::UNIX_EPOCH,
            arrival: room.now,
        };
        room.event(
            FIRST,
            RoomEvent::SenderReport {
                sid: "TR_a".into(),
                report,
            },
        );
    }

    assert!(room.effects().is_empty());
}

#[test]
fn a_muted_track_is_not_tried_elsewhere() {
    let mut room = Room::recording(&["TR_a", "TR_b"]);
    room.packet(FIRST, "TR_a");
    room.event(
        FIRST,
        RoomEvent::TrackMuted {
            sid: "TR_a".into(),
            muted: true,
        },
    );

    room.pass(3600, &["TR_b"]);
    room.event(
        FIRST,
        RoomEvent::TrackMuted {
            sid: "TR_a".into(),
            muted: false,
        },
    );
    room.pass(7, &["TR_b"]);

    assert!(room.effects().is_empty());
}

#[test]
fn a_track_on_two_connections_survives_the_loss_of_the_first() {
    let mut room = Room::recording(&["TR_a"]);
    room.packet(FIRST, "TR_a");
    room.pass(8, &[]);
    room.join(SECOND, &["TR_a"]);
    room.effects();
    room.received();

    room.lose(FIRST);
    room.packet(SECOND, "TR_a");

    assert_eq!(room.received(), [["reconnected", "packet"]]);
    assert_eq!(room.effects(), ["unsubscribe TR_a on 0", "close 0"]);
}

#[test]
fn a_track_that_the_server_does_not_offer_is_tried_elsewhere_at_once() {
    let mut room = Room::recording(&["TR_a", "TR_b"]);
    let (sid, error) = (TrackSid::from("TR_a"), SubscriptionError::TimedOut);

    room.event(FIRST, RoomEvent::SubscriptionFailed { sid, error });
    room.pass(1, &["TR_b"]);

    assert_eq!(room.effects(), ["open 1"]);
    assert_eq!(room.received()[0], ["subscription_timed_out", "no_packets"]);
}

#[test]
fn the_129th_track_opens_a_second_connection() {
    let sids: Vec<_> = (0..129).map(|n| format!("TR_{n:03}")).collect();
    let sids: Vec<_> = sids.iter().map(String::as_str).collect();
    let mut room = Room::new();
    for (id, sid) in (0..).zip(&sids) {
        room.attach(id, sid);
    }
    room.join(FIRST, &sids);
    for sid in &sids {
        room.core.subscribe(room.now, sid);
    }
    let on_first = room.effects();

    room.join(SECOND, &sids);
    let on_second = room.effects();
    room.core.detach(128);

    assert_eq!(on_first.iter().filter(|effect| effect.ends_with(" on 0")).count(), 128);
    assert_eq!(on_first.last().map(String::as_str), Some("open 1"));
    assert_eq!(on_second, ["subscribe TR_128 on 1"]);
    assert_eq!(room.effects(), ["unsubscribe TR_128 on 1", "close 1"]);
}

#[test]
fn each_connection_announces_the_egresses_that_it_records() {
    let mut room = Room::recording(&["TR_silent", "TR_fine"]);
    room.attach(7, "TR_not_published");
    room.packet(FIRST, "TR_silent");
    room.pass(8, &["TR_fine"]);

    let announced = room.core.announcements();

    let ids = |link| announced[&link].iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(ids(FIRST), ["EG_0", "EG_1", "EG_7"]);
    assert_eq!(ids(SECOND), ["EG_0"]);
}
