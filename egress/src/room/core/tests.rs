//! A room on a simulated clock: scripted connections, feeds that keep what they receive.

use std::collections::BTreeMap;

use rtc::{ParticipantKind, RtpPacket, SenderReport, SeqNo, Ssrc, TrackKind, TrackSource};

use super::*;
use crate::room::feed_queue::{FeedReceiver, feed_queue};

const FIRST: LinkId = LinkId(0);
const SECOND: LinkId = LinkId(1);

struct Room {
    core: RoomCore,
    now: Instant,
    feeds: BTreeMap<FeedId, FeedReceiver>,
}

impl Room {
    fn new() -> Self {
        Self {
            core: RoomCore::default(),
            now: Instant::now(),
            feeds: BTreeMap::new(),
        }
    }

    /// A joined room with these tracks, each with a feed that has subscribed; feed n is attached to track n.
    fn recording(sids: &[&str]) -> Self {
        let mut room = Self::new();
        for (id, sid) in (0..).zip(sids) {
            room.attach(id, sid);
        }
        room.join(FIRST, sids);
        for sid in sids {
            room.core.subscribe(room.now, sid);
        }
        room.effects();
        room.received();
        room
    }

    fn attach(&mut self, id: FeedId, sid: &str) {
        self.attach_feed(id, sid, false);
    }

    fn attach_feed(&mut self, id: FeedId, sid: &str, is_continued: bool) {
        let (events, receiver) = feed_queue();
        self.feeds.insert(id, receiver);
        let feed = Attachment {
            id,
            track_sid: sid.into(),
            egress_id: format!("EG_{id}").as_str().into(),
            is_continued,
            is_joined: false,
            events,
        };
        self.core.attach(self.now, feed);
    }

    fn join(&mut self, link: LinkId, sids: &[&str]) {
        for sid in sids {
            self.event(link, RoomEvent::TrackPublished(track(sid)));
        }
        self.event(link, RoomEvent::Joined);
    }

    fn lose(&mut self, link: LinkId) {
        self.core.lost(self.now, link, self.now);
    }

    fn event(&mut self, link: LinkId, event: RoomEvent) {
        self.core.handle_event(self.now, link, event);
    }

    fn packet(&mut self, link: LinkId, sid: &str) {
        let packet = RtpPacket {
            ssrc: Ssrc(1),
            seq_no: SeqNo(1),
            timestamp: 0,
            marker: false,
            arrival: self.now,
            payload: vec![1].into(),
        };
        self.event(
            link,
            RoomEvent::Packet {
                sid: sid.into(),
                packet,
            },
        );
    }

    /// Lets time pass, in which `sending` tracks send over the first connection.
    fn pass(&mut self, seconds: u64, sending: &[&str]) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            for sid in sending {
                self.packet(FIRST, sid);
            }
            self.core.handle_timeout(self.now);
        }
    }

    fn effects(&mut self) -> Vec<String> {
        let effects = self.core.take_effects().into_iter();
        effects
            .map(|effect| match effect {
                Effect::Open(link) => format!("open {}", link.0),
                Effect::Close(link) => format!("close {}", link.0),
                Effect::Subscribe(link, sid) => format!("subscribe {sid} on {}", link.0),
                Effect::Unsubscribe(link, sid) => format!("unsubscribe {sid} on {}", link.0),
            })
            .collect()
    }

    /// What each feed has received since the last call; a row of packets once.
    fn received(&mut self) -> Vec<Vec<String>> {
        let feeds = self.feeds.values_mut();
        feeds
            .map(|feed| {
                let mut events: Vec<_> = std::iter::from_fn(|| feed.try_recv()).map(outline).collect();
                events.dedup();
                events
            })
            .collect()
    }
}

fn outline(event: FeedEvent) -> String {
    match event {
        FeedEvent::Published(track) if track.muted => "published, muted".into(),
        FeedEvent::Published(_) => "published".into(),
        FeedEvent::Packet(_) => "packet".into(),
        FeedEvent::Lost(_) => "lost".into(),
        FeedEvent::Reconnected(_) => "reconnected".into(),
        FeedEvent::Trouble(failure) => failure.message.split(':').next().unwrap_or_default().to_owned(),
        FeedEvent::Ended(FeedEnd::Refused(failure)) => format!("refused: {failure}"),
        other => format!("{other:?}"),
    }
}

fn track(sid: &str) -> TrackInfo {
    TrackInfo {
        sid: sid.into(),
        identity: "ada".into(),
        participant_sid: "PA_1".into(),
        display_name: "Ada".into(),
        participant_kind: ParticipantKind::Standard,
        kind: TrackKind::Audio,
        source: TrackSource::Microphone,
        name: String::new(),
        muted: false,
        mime_type: "audio/opus".into(),
        encrypted: false,
        stereo: false,
    }
}

fn muted(sid: &str) -> TrackInfo {
    TrackInfo {
        muted: true,
        ..track(sid)
    }
}

fn unpublished(sid: &str) -> RoomEvent {
    RoomEvent::TrackUnpublished { sid: sid.into() }
}

#[test]
fn a_feed_learns_of_its_track_and_of_the_join_whenever_it_attaches() {
    let mut room = Room::new();
    room.attach(0, "TR_a");
    room.join(FIRST, &["TR_a", "TR_b"]);
    room.attach(1, "TR_b");
    room.attach(2, "TR_later");
    let before = room.received();
    room.event(FIRST, RoomEvent::TrackPublished(muted("TR_later")));

    assert_eq!(
        before,
        [vec!["published", "Joined"], vec!["published", "Joined"], vec!["Joined"]]
    );
    assert_eq!(room.received()[2], ["published, muted"]);
    assert_eq!(room.effects(), ["open 0"]);
}

#[test]
fn mutes_and_the_end_reach_only_the_feeds_of_their_track() {
    let mut room = Room::recording(&["TR_a", "TR_b"]);

    for muted in [true, true, false] {
        room.event(
            FIRST,
            RoomEvent::TrackMuted {
                sid: "TR_a".into(),
                muted,
            },
        );
    }
    room.event(FIRST, unpublished("TR_a"));
    room.packet(FIRST, "TR_a");

    assert_eq!(
        room.received(),
        [
            vec!["Mute(Muted)", "Mute(Unmuted)", "Ended(SourceClosed)", "packet"],
            vec![]
        ]
    );
}

#[test]
fn a_feed_that_attaches_later_gets_the_current_mute_state() {
    let mut room = Room::recording(&["TR_a"]);
    room.event(
        FIRST,
        RoomEvent::TrackMuted {
            sid: "TR_a".into(),
            muted: true,
        },
    );

    room.attach(1, "TR_a");

    assert_eq!(room.received()[1], ["published, muted", "Joined"]);
}

#[test]
fn a_subscription_ends_with_the_last_feed_of_its_track() {
    let mut room = Room::recording(&["TR_a", "TR_b"]);
    room.attach(2, "TR_a");

    room.core.detach(0);
    room.core.detach(0);
    let after_one = room.effects();
    room.core.detach(2);
    let after_both = room.effects();

    assert!(after_one.is_empty());
    assert_eq!(after_both, ["unsubscribe TR_a on 0"]);
    assert!(!room.core.is_idle());
    room.core.detach(1);
    assert!(room.core.is_idle());
}

#[test]
fn a_lost_connection_is_reported_and_the_tracks_go_on_after_it() {
    let mut room = Room::recording(&["TR_a"]);

    room.lose(FIRST);
    room.join(FIRST, &["TR_a"]);
    room.packet(FIRST, "TR_a");

    assert_eq!(room.effects(), ["subscribe TR_a on 0"]);
    assert_eq!(room.received(), [["lost", "reconnected", "packet"]]);
}

#[test]
fn what_changed_while_the_connection_was_lost_is_reported() {
    let mut room = Room::recording(&["TR_a"]);

    room.lose(FIRST);
    room.event(FIRST, RoomEvent::TrackPublished(muted("TR_a")));
    room.event(FIRST, RoomEvent::Joined);

    assert_eq!(room.received(), [["lost", "Mute(Muted)", "reconnected"]]);
}

#[test]
fn a_track_that_does_not_come_back_ends_after_ten_seconds_and_one_that_does_continues() {
    let mut room = Room::recording(&["TR_gone", "TR_back"]);
    room.lose(FIRST);
    room.join(FIRST, &[]);

    room.pass(9, &[]);
    room.event(FIRST, RoomEvent::TrackPublished(track("TR_back")));
    let before = room.received();
    room.pass(2, &[]);

    assert_eq!(before, [["lost", "reconnected"], ["lost", "reconnected"]]);
    assert_eq!(room.received(), [vec!["Ended(SourceClosed)"], vec![]]);
}

#[test]
fn only_a_server_that_answers_ends_a_track() {
    let mut room = Room::recording(&["TR_a"]);
    room.lose(FIRST);
    room.join(FIRST, &[]);
    room.pass(5, &[]);

    room.lose(FIRST);
    room.pass(3600, &[]);

    assert_eq!(room.received(), [["lost", "reconnected", "lost"]]);
}

#[test]
fn a_continued_track_that_is_not_published_any_more_ends_but_a_new_one_is_waited_for() {
    let mut room = Room::new();
    room.attach_feed(0, "TR_early", true);
    room.attach(1, "TR_new");
    room.join(FIRST, &[]);
    room.attach_feed(2, "TR_late", true);

    room.pass(10, &[]);

    let ended = vec!["Joined", "Ended(SourceClosed)"];
    assert_eq!(room.received(), [ended.clone(), vec!["Joined"], ended]);
}

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
fn a_track_that_cannot_be_recorded_is_refused() {
    let mut room = Room::recording(&["TR_a"]);
    let (sid, error) = (TrackSid::from("TR_a"), SubscriptionError::CodecUnsupported);

    room.event(FIRST, RoomEvent::SubscriptionFailed { sid, error });

    assert!(room.received()[0][0].starts_with("refused: "));
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
fn a_room_that_is_gone_ends_its_tracks_and_one_that_never_was_refuses_them() {
    let gone = FeedEnd::Refused(Failure::room_not_found("standup"));
    let mut never = Room::new();
    never.attach(0, "TR_new");
    never.attach_feed(1, "TR_continued", true);
    let mut closed = Room::recording(&["TR_a"]);

    never.core.end(&gone);
    closed.core.end(&gone);

    assert_eq!(
        never.received(),
        [["refused: room standup no longer exists"], ["Ended(SourceClosed)"]]
    );
    assert_eq!(closed.received(), [["Ended(SourceClosed)"]]);
    assert_eq!(
        (closed.effects(), closed.core.is_idle()),
        (vec!["close 0".to_owned()], true)
    );
}

#[test]
fn a_refusal_ends_new_recordings_only() {
    let refused = Failure::join(&rtc::JoinError::WrongGrants);
    let mut room = Room::new();
    room.attach(0, "TR_new");
    room.attach_feed(1, "TR_continued", true);
    let mut recording = Room::recording(&["TR_a"]);

    room.core.refuse(FIRST, &refused);
    recording.core.refuse(FIRST, &refused);

    let ended = |events: &Vec<String>| events.iter().any(|event| event.starts_with("refused"));
    assert_eq!(room.received().iter().map(ended).collect::<Vec<_>>(), [true, false]);
    assert!(!ended(&recording.received()[0]));
}

#[test]
fn a_reason_is_reported_once_until_the_room_is_joined() {
    let mut room = Room::recording(&["TR_a"]);
    let unreachable = Failure::connection(&rtc::LeaveReason::MediaUnreachable);

    for _ in 0..3 {
        room.core.trouble(FIRST, &unreachable);
    }
    room.core.trouble(FIRST, &Failure::no_packets("TR_1"));
    room.join(FIRST, &["TR_a"]);
    room.core.trouble(FIRST, &unreachable);

    assert_eq!(
        room.received()[0],
        ["media_unreachable", "no_packets", "media_unreachable"]
    );
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
