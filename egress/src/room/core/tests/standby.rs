//! Another connection takes over while the first one has lost its signalling.

use super::*;

const THIRD: LinkId = LinkId(2);

impl Room {
    /// A room in which each track has sent packets until now.
    fn talking(sids: &[&str]) -> Self {
        let mut room = Self::recording(sids);
        room.event(FIRST, RoomEvent::MediaConnected);
        for sid in sids {
            room.numbered(FIRST, sid, 0);
        }
        room.received();
        room
    }

    fn interrupt(&mut self, link: LinkId) {
        self.event(link, RoomEvent::Reconnecting);
    }

    /// Joins on another connection, on which media works.
    fn stand_by(&mut self, link: LinkId, sids: &[&str]) {
        self.join(link, sids);
        self.event(link, RoomEvent::MediaConnected);
        for sid in sids {
            let sid = TrackSid::from(*sid);
            self.event(link, RoomEvent::TrackSubscribed { sid });
        }
    }

    /// Packet `n` of a track, numbered as this connection does.
    fn numbered(&mut self, link: LinkId, sid: &str, n: u32) {
        let packet = RtpPacket {
            ssrc: Ssrc(link.0 as u32),
            seq_no: SeqNo(link.0 * 1000 + u64::from(n)),
            timestamp: n * 960,
            marker: false,
            arrival: self.now,
            payload: n.to_be_bytes().repeat(5).into(),
        };
        let sid = sid.into();
        self.event(link, RoomEvent::Packet { sid, packet });
    }

    /// The packets and other events that the first feed has received, with the numbers of the packets.
    fn stream(&mut self) -> Vec<String> {
        let feed = self.feeds.values_mut().next().unwrap();
        std::iter::from_fn(|| feed.try_recv())
            .map(|event| match event {
                FeedEvent::Packet(packet) => format!("{}/{}", packet.ssrc, packet.seq_no),
                other => outline(other),
            })
            .collect()
    }
}

#[test]
fn a_standby_takes_over_without_a_seam() {
    let mut room = Room::talking(&["TR_a"]);

    room.interrupt(FIRST);
    let opened = room.effects();
    room.numbered(FIRST, "TR_a", 1);
    room.stand_by(SECOND, &["TR_a"]);
    room.numbered(SECOND, "TR_a", 2);
    room.numbered(FIRST, "TR_a", 2);
    room.numbered(SECOND, "TR_a", 3);
    room.numbered(FIRST, "TR_a", 3);
    room.numbered(SECOND, "TR_a", 4);
    let subscribed = room.effects();
    room.pass(1, &[]);

    assert_eq!(opened, ["open 1"]);
    assert_eq!(subscribed, ["subscribe TR_a on 1"]);
    assert_eq!(room.stream(), ["0/1", "0/2", "0/3", "0/4"]);
    assert_eq!(room.effects(), ["unsubscribe TR_a on 0", "close 0"]);
}

#[test]
fn a_carrier_that_stops_before_its_standby_delivers_leaves_a_hole_that_is_reported() {
    let mut room = Room::talking(&["TR_a"]);

    room.interrupt(FIRST);
    room.stand_by(SECOND, &["TR_a"]);
    for n in 20..42 {
        room.now += Duration::from_millis(20);
        room.numbered(SECOND, "TR_a", n);
    }

    let stream = room.stream();
    assert_eq!(stream[..3], ["reconnected", "1/1020", "1/1021"]);
    assert_eq!(stream.len(), 23);
}

#[test]
fn a_lost_carrier_is_replaced_by_the_first_packet_of_its_standby() {
    let mut room = Room::talking(&["TR_a"]);

    room.interrupt(FIRST);
    room.lose(FIRST);
    room.stand_by(SECOND, &["TR_a"]);
    room.numbered(SECOND, "TR_a", 9);

    assert_eq!(room.stream(), ["lost", "reconnected", "1/1009"]);
}

#[test]
fn a_muted_track_moves_without_a_packet_and_without_a_hole() {
    let mut room = Room::talking(&["TR_muted", "TR_b"]);
    let sid = TrackSid::from("TR_muted");
    room.event(FIRST, RoomEvent::TrackMuted { sid, muted: true });
    room.stream();

    room.interrupt(FIRST);
    room.event(SECOND, RoomEvent::TrackPublished(muted("TR_muted")));
    room.stand_by(SECOND, &["TR_b"]);
    let sid = "TR_muted".into();
    room.event(SECOND, RoomEvent::TrackSubscribed { sid });
    room.numbered(FIRST, "TR_b", 1);
    room.numbered(SECOND, "TR_b", 1);
    room.pass(3, &[]);
    room.numbered(SECOND, "TR_muted", 50);

    assert_eq!(room.stream(), ["0/1"]);
    assert!(room.effects().contains(&"close 0".to_owned()));
}

#[test]
fn a_track_that_fell_silent_when_its_carrier_was_interrupted_does_not_move_as_silence() {
    let mut room = Room::talking(&["TR_a"]);

    room.interrupt(FIRST);
    room.stand_by(SECOND, &["TR_a"]);
    room.pass(5, &[]);
    let before = room.stream();
    room.numbered(SECOND, "TR_a", 300);
    room.now += Duration::from_millis(400);
    room.numbered(SECOND, "TR_a", 320);

    assert!(before.is_empty());
    assert_eq!(room.stream(), ["reconnected", "1/1300", "1/1320"]);
}

#[test]
fn what_was_missed_while_this_machine_was_paused_is_no_silence() {
    let mut room = Room::talking(&["TR_a"]);

    room.now += Duration::from_secs(25);
    room.interrupt(FIRST);
    room.stand_by(SECOND, &["TR_a"]);
    room.pass(3, &[]);
    room.now += Duration::from_millis(900);
    room.numbered(SECOND, "TR_a", 1300);
    room.pass(1, &[]);
    room.numbered(SECOND, "TR_a", 1301);

    assert_eq!(room.stream(), ["reconnected", "1/2300", "1/2301"]);
}

#[test]
fn a_track_that_was_muted_only_after_the_interruption_does_not_move_as_silence() {
    let mut room = Room::talking(&["TR_a"]);

    room.interrupt(FIRST);
    room.event(SECOND, RoomEvent::TrackPublished(muted("TR_a")));
    room.stand_by(SECOND, &[]);
    let sid = TrackSid::from("TR_a");
    room.event(SECOND, RoomEvent::TrackSubscribed { sid: sid.clone() });
    room.pass(3, &[]);
    room.event(SECOND, RoomEvent::TrackMuted { sid, muted: false });
    room.numbered(SECOND, "TR_a", 300);
    room.now += Duration::from_millis(400);
    room.numbered(SECOND, "TR_a", 320);

    let stream = room.stream();
    assert_eq!(
        stream[stream.len() - 3..],
        ["reconnected", "1/1300", "1/1320"],
        "{stream:?}"
    );
}

#[test]
fn there_is_one_standby_and_further_ones_come_ever_more_slowly() {
    let mut room = Room::talking(&["TR_a"]);
    let mut carrier = FIRST;
    let mut opened = 0;

    for n in 1..600 {
        room.now += Duration::from_millis(100);
        room.numbered(carrier, "TR_a", n);
        room.interrupt(carrier);
        room.interrupt(carrier);
        room.core.handle_timeout(room.now);
        for effect in room.core.take_effects() {
            if let Effect::Open(link) = effect {
                opened += 1;
                room.numbered(carrier, "TR_a", n);
                room.stand_by(link, &["TR_a"]);
                room.numbered(link, "TR_a", n);
                carrier = link;
            }
        }
    }

    assert!((20..40).contains(&opened), "{opened} in a minute");
    assert!(room.core.links.len() <= 3);
    assert!(
        !room
            .stream()
            .iter()
            .any(|event| event == "reconnected" || event == "lost")
    );
}

#[test]
fn a_standby_that_is_lost_is_replaced_by_another() {
    let mut room = Room::talking(&["TR_a"]);
    room.interrupt(FIRST);
    room.stand_by(SECOND, &["TR_a"]);
    room.effects();

    room.lose(SECOND);
    room.pass(1, &["TR_a"]);
    let effects = room.effects();

    assert_eq!(effects, ["close 1", "open 2"]);
    room.stand_by(THIRD, &["TR_a"]);
    assert_eq!(room.effects(), ["subscribe TR_a on 2"]);
}

#[test]
fn a_resumed_connection_whose_standby_cannot_join_keeps_its_tracks() {
    let mut room = Room::talking(&["TR_a"]);
    room.interrupt(FIRST);
    room.event(FIRST, RoomEvent::Resumed);
    room.effects();

    room.pass(11, &["TR_a"]);

    assert_eq!(room.effects(), ["unsubscribe TR_a on 1", "close 1"]);
}

#[test]
fn a_new_track_is_subscribed_to_where_signalling_works() {
    let mut room = Room::talking(&["TR_a"]);
    room.interrupt(FIRST);
    room.attach(1, "TR_new");
    room.effects();

    room.stand_by(SECOND, &["TR_a", "TR_new"]);
    room.core.subscribe(room.now, "TR_new");

    assert_eq!(room.effects(), ["subscribe TR_a on 1", "subscribe TR_new on 1"]);
}

#[test]
fn both_connections_announce_the_egress_until_one_is_closed() {
    let mut room = Room::talking(&["TR_a"]);

    room.interrupt(FIRST);
    room.stand_by(SECOND, &["TR_a"]);
    let announced = room.core.announcements();

    assert_eq!(announced[&FIRST], announced[&SECOND]);
    assert_eq!(announced[&FIRST].len(), 1);
}

#[test]
fn a_hole_lasts_until_the_track_can_be_heard_again_not_until_the_room_is_joined() {
    let mut room = Room::talking(&["TR_a"]);

    room.lose(FIRST);
    room.join(FIRST, &["TR_a"]);
    let joined = room.stream();
    let sid = "TR_a".into();
    room.event(FIRST, RoomEvent::TrackSubscribed { sid });
    let offered = room.stream();
    room.event(FIRST, RoomEvent::MediaConnected);

    assert_eq!((joined, offered), (vec!["lost".to_owned()], vec![]));
    assert_eq!(room.stream(), ["reconnected"]);
}
