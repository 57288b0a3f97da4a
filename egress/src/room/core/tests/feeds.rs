//! What a feed learns of its track.

use super::*;

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
