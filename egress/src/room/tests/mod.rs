//! The rooms of a worker at a real livekit-server.

mod standby;

use std::time::{Duration, Instant};

use domain::PlatformRoomKey;
use media::WallClock;
use rtc::publisher::AudioOptions;
use test_support::{LivekitServer, RedisServer, TrackPublisher, wait_until};
use tokio::time::timeout;

use super::{AttachRequest, FeedEnd, FeedEvent, RoomAccess, Rooms, TrackFeed};

const ROOM: &str = "standup";

/// The longest wait for anything that does not wait for a timeout of its own.
const TIMEOUT: Duration = Duration::from_secs(20);

fn rooms(livekit: &LivekitServer, instance: &str) -> Rooms {
    rooms_at(&livekit.url(), livekit, instance)
}

/// The same, at another address of the server.
fn rooms_at(url: &str, livekit: &LivekitServer, instance: &str) -> Rooms {
    boot::tls::install_provider();
    Rooms::new(RoomAccess {
        url: url.parse().unwrap(),
        api_key: livekit.api_key().clone(),
        identity_prefix: format!("egress-{instance}"),
    })
}

async fn room_sid(livekit: &LivekitServer) -> PlatformRoomKey {
    let found = livekit.rooms().list_rooms(vec![ROOM.to_owned()]).await.unwrap();
    PlatformRoomKey::from(found[0].sid.as_str())
}

/// Attaches to the track and subscribes to it.
async fn record(rooms: &Rooms, room_sid: &PlatformRoomKey, track: &TrackPublisher, egress_id: &str) -> TrackFeed {
    let mut feed = rooms.attach(AttachRequest {
        room_name: ROOM.to_owned(),
        room_sid: room_sid.clone(),
        track_sid: track.sid().into(),
        egress_id: egress_id.into(),
        clock: None::<WallClock>,
    });
    until(&mut feed, "the track is published", |event| {
        matches!(event, FeedEvent::Published(_))
    })
    .await;
    feed.subscribe();
    feed
}

/// Reads events until one `is_expected`. Returns it and those before it, in words, without packets.
async fn until(feed: &mut TrackFeed, what: &str, is_expected: impl Fn(&FeedEvent) -> bool) -> (FeedEvent, Vec<String>) {
    let mut before = Vec::new();
    let found = timeout(TIMEOUT, async {
        loop {
            let event = feed.next().await;
            if is_expected(&event) {
                return event;
            }
            match event {
                FeedEvent::Packet(_) | FeedEvent::SenderReport(_) => {}
                FeedEvent::Lost(_) => before.push("lost".to_owned()),
                FeedEvent::Reconnected(_) => before.push("reconnected".to_owned()),
                other => before.push(format!("{other:?}")),
            }
        }
    });
    let found = found.await;
    (
        found.unwrap_or_else(|_| panic!("timed out waiting until {what}: {before:?}")),
        before,
    )
}

async fn recorders(livekit: &LivekitServer) -> Vec<(String, Vec<String>)> {
    let listed = livekit.rooms().list_participants(ROOM).await.unwrap_or_default();
    let recorders = listed
        .into_iter()
        .filter(|participant| participant.identity.starts_with("egress-"));
    recorders
        .map(|recorder| {
            let is_egress = |name: &String| name.starts_with("trackscribe.egress.");
            let mut announced: Vec<_> = recorder.attributes.into_keys().filter(is_egress).collect();
            announced.sort();
            (recorder.identity, announced)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn recorders_announce_their_egresses_and_do_not_replace_each_other() {
    let livekit = LivekitServer::start_without_redis().await;
    let ada = TrackPublisher::join(&livekit, ROOM, "ada", AudioOptions::default()).await;
    let bob = TrackPublisher::join(&livekit, ROOM, "bob", AudioOptions::default()).await;
    let sid = room_sid(&livekit).await;
    let (one, other) = (rooms(&livekit, "same"), rooms(&livekit, "same"));

    let mut first = record(&one, &sid, &ada, "EG_1").await;
    let mut second = record(&one, &sid, &bob, "EG_2").await;
    let mut third = record(&other, &sid, &ada, "EG_3").await;
    let announced = async || {
        let mut announced: Vec<_> = recorders(&livekit).await.into_iter().map(|(_, ids)| ids).collect();
        announced.sort();
        let expected = [
            vec!["trackscribe.egress.EG_1", "trackscribe.egress.EG_2"],
            vec!["trackscribe.egress.EG_3"],
        ];
        (announced == expected).then_some(())
    };
    wait_until("all egresses are announced", TIMEOUT, announced).await;
    tokio::join!(ada.play_tone(440.0, 500), bob.play_tone(660.0, 500));
    for feed in [&mut first, &mut second, &mut third] {
        let (_, before) = until(feed, "a packet arrives", |event| matches!(event, FeedEvent::Packet(_))).await;
        assert!(before.iter().all(|event| event == "Joined"), "{before:?}");
    }
    drop(first);

    let withdrawn = async || {
        recorders(&livekit)
            .await
            .iter()
            .any(|(_, ids)| *ids == ["trackscribe.egress.EG_2"])
            .then_some(())
    };
    wait_until("the ended egress is not announced any more", TIMEOUT, withdrawn).await;
}

/// A recorder that died together with an earlier livekit-server is listed, too, but its number stands still.
#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_shows_that_it_is_alive() {
    let livekit = LivekitServer::start_without_redis().await;
    let ada = TrackPublisher::join(&livekit, ROOM, "ada", AudioOptions::default()).await;
    let _feed = record(&rooms(&livekit, "one"), &room_sid(&livekit).await, &ada, "EG_1").await;
    let beat = async |than: Option<&String>| {
        let listed = livekit.rooms().list_participants(ROOM).await.unwrap_or_default();
        let mut attributes = listed.into_iter().map(|participant| participant.attributes);
        attributes
            .find_map(|mut attributes| attributes.remove("trackscribe.beat"))
            .filter(|beat| Some(beat) != than)
    };

    let first = wait_until("the recorder announces a beat", TIMEOUT, async || beat(None).await).await;

    wait_until("it changes", TIMEOUT, async || beat(Some(&first)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_the_server_lost_is_not_created_again() {
    let mut livekit = LivekitServer::start_without_redis().await;
    let ada = TrackPublisher::join(&livekit, ROOM, "ada", AudioOptions::default()).await;
    let rooms = rooms(&livekit, "one");
    let mut feed = record(&rooms, &room_sid(&livekit).await, &ada, "EG_1").await;
    until(&mut feed, "the room is joined", |event| {
        matches!(event, FeedEvent::Joined)
    })
    .await;

    livekit.kill();
    let (_, while_down) = until(&mut feed, "the failure is reported", |event| {
        matches!(event, FeedEvent::Trouble(_))
    })
    .await;
    livekit.start_again().await;
    let (end, _) = until(&mut feed, "the track ends", |event| {
        matches!(event, FeedEvent::Ended(_))
    })
    .await;

    assert!(matches!(end, FeedEvent::Ended(FeedEnd::SourceClosed)), "{end:?}");
    assert!(while_down.is_empty() || while_down == ["lost"], "{while_down:?}");
    drop(feed);
    rooms.finish().await;
    assert!(livekit.rooms().list_rooms(vec![]).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_kept_the_room_is_joined_within_three_seconds_after_it_answers() {
    let redis = RedisServer::start().await;
    let mut livekit = LivekitServer::start(&redis).await;
    let ada = TrackPublisher::join(&livekit, ROOM, "ada", AudioOptions::default()).await;
    let rooms = rooms(&livekit, "one");
    let sid = room_sid(&livekit).await;
    let mut feed = record(&rooms, &sid, &ada, "EG_1").await;
    ada.play_tone(440.0, 300).await;
    until(&mut feed, "media arrives", |event| {
        matches!(event, FeedEvent::Packet(_))
    })
    .await;
    let before = recorders(&livekit).await;

    livekit.kill();
    until(&mut feed, "the loss is reported", |event| {
        matches!(event, FeedEvent::Lost(_))
    })
    .await;
    livekit.start_again().await;
    let answers_at = Instant::now();
    until(&mut feed, "the room is joined again", |event| {
        matches!(event, FeedEvent::Reconnected(_))
    })
    .await;
    let took = answers_at.elapsed();
    let (after, sid_after) = (recorders(&livekit).await, room_sid(&livekit).await);
    let (end, _) = until(&mut feed, "the grace is over", |event| {
        matches!(event, FeedEvent::Ended(_))
    })
    .await;

    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(sid_after, sid);
    let identities = [&before, &after].map(|listed| listed.iter().map(|(identity, _)| identity).collect::<Vec<_>>());
    assert_eq!(identities[0], identities[1], "the lost participant is replaced");
    assert!(
        matches!(end, FeedEvent::Ended(FeedEnd::SourceClosed)),
        "the publisher did not come back: {end:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_an_operator_removes_ends_its_recordings() {
    let livekit = LivekitServer::start_without_redis().await;
    let ada = TrackPublisher::join(&livekit, ROOM, "ada", AudioOptions::default()).await;
    let rooms = rooms(&livekit, "one");
    let mut feed = record(&rooms, &room_sid(&livekit).await, &ada, "EG_1").await;
    until(&mut feed, "the room is joined", |event| {
        matches!(event, FeedEvent::Joined)
    })
    .await;
    let (identity, _) = recorders(&livekit).await.remove(0);

    livekit.rooms().remove_participant(ROOM, &identity).await.unwrap();
    let (end, _) = until(&mut feed, "the track ends", |event| {
        matches!(event, FeedEvent::Ended(_))
    })
    .await;

    assert!(matches!(end, FeedEvent::Ended(FeedEnd::SourceClosed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_never_was_is_not_created_and_named() {
    let livekit = LivekitServer::start_without_redis().await;
    let rooms = rooms(&livekit, "one");
    let mut feed = rooms.attach(AttachRequest {
        room_name: ROOM.to_owned(),
        room_sid: "RM_gone".into(),
        track_sid: "TR_gone".into(),
        egress_id: "EG_1".into(),
        clock: None,
    });

    let (end, _) = until(&mut feed, "the feed ends", |event| matches!(event, FeedEvent::Ended(_))).await;

    let FeedEvent::Ended(FeedEnd::Refused(failure)) = end else {
        panic!("{end:?}")
    };
    assert_eq!(
        (failure.message.as_str(), failure.code),
        ("room standup no longer exists", 404)
    );
    assert!(livekit.rooms().list_rooms(vec![]).await.unwrap().is_empty());
}
