//! Lost connections, tracks that end, and refusals.

use super::*;

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
fn a_track_that_cannot_be_recorded_is_refused() {
    let mut room = Room::recording(&["TR_a"]);
    let (sid, error) = (TrackSid::from("TR_a"), SubscriptionError::CodecUnsupported);

    room.event(FIRST, RoomEvent::SubscriptionFailed { sid, error });

    assert!(room.received()[0][0].starts_with("refused: "));
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
