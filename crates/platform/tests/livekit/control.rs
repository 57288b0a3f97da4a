//! Commands about people, by what a real livekit-server then says of them.

use std::time::Duration;

use crate::support::{KEY, SECRET, key, livekit_at};
use domain::event::EventRoom;
use domain::participant::Role;
use domain::permissions::Permissions;
use platform::livekit::Livekit;
use platform::{ConnectedPerson, Control, Platform, PlatformError, TrackChoice};
use test_support::{LivekitServer, Participant, wait_until};

const ROOM: &str = "standup";

fn room() -> EventRoom {
    EventRoom {
        name: Some(ROOM.to_owned()),
        key: "RM_any".into(),
        session: None,
        created_at: None,
    }
}

/// How long livekit-server may take to show an effect.
const TIMEOUT: Duration = Duration::from_secs(10);

async fn start() -> (LivekitServer, Livekit) {
    let server = LivekitServer::builder().api_key(KEY, SECRET).start().await;
    let livekit = livekit_at(&server.url(), vec![key(KEY, SECRET)]);
    (server, livekit)
}

/// Waits until somebody is connected and meets `condition`.
async fn person(livekit: &Livekit, identity: &str, condition: impl Fn(&ConnectedPerson) -> bool) -> ConnectedPerson {
    wait_until("the participant is as expected", TIMEOUT, async || {
        let people = livekit.people(&room()).await.unwrap();
        people
            .into_iter()
            .find(|person| person.identity.as_str() == identity && condition(person))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_track_or_all_are_muted_and_unmuting_is_the_servers_choice() {
    let (server, livekit) = start().await;
    let ada = Participant::join(&server, ROOM, "ada").await;
    let (first, second) = (ada.microphone().await, ada.microphone().await);
    person(&livekit, "ada", |person| person.tracks.len() == 2).await;
    let muted = |person: &ConnectedPerson| person.tracks.iter().filter(|track| track.is_muted).count();
    let one = TrackChoice::One(first.sid().into());

    let mute_one = Control::Mute("ada".into(), one.clone());
    livekit.control(&room(), &mute_one).await.unwrap();
    livekit.control(&room(), &mute_one).await.unwrap();
    person(&livekit, "ada", |person| muted(person) == 1).await;
    livekit
        .control(&room(), &Control::Mute("ada".into(), TrackChoice::All))
        .await
        .unwrap();
    person(&livekit, "ada", |person| muted(person) == 2).await;
    let unmute = livekit.control(&room(), &Control::Unmute("ada".into(), one)).await;
    let no_track = TrackChoice::One("TR_none".into());
    let no_track = livekit.control(&room(), &Control::Mute("ada".into(), no_track)).await;
    let nobody = livekit
        .control(&room(), &Control::Mute("eve".into(), TrackChoice::All))
        .await;

    assert!(matches!(unmute, Err(PlatformError::NotAllowed(..))), "{unmute:?}");
    assert!(matches!(no_track, Err(PlatformError::NotFound(..))), "{no_track:?}");
    assert!(matches!(nobody, Err(PlatformError::NotFound(..))), "{nobody:?}");
    drop(second);
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_that_is_no_longer_permitted_ends_and_others_go_on() {
    let (server, livekit) = start().await;
    let (ada, bob) = (
        Participant::join(&server, ROOM, "ada").await,
        Participant::join(&server, ROOM, "bob").await,
    );
    let (_ada, _bob) = (ada.microphone().await, bob.microphone().await);
    let before = person(&livekit, "ada", |person| person.tracks.len() == 1).await;
    let quiet = Permissions {
        audio: false,
        ..Permissions::of(Role::Participant)
    };

    livekit
        .control(&room(), &Control::Permit("ada".into(), quiet))
        .await
        .unwrap();

    let after = person(&livekit, "ada", |person| person.tracks.is_empty()).await;
    let other = person(&livekit, "bob", |person| person.tracks.len() == 1).await;
    assert!(before.permissions.audio && other.permissions.audio);
    assert_eq!(after.permissions, quiet);
    assert!(before.joined_at.is_some() && before.tracks[0].track.sid.as_str().starts_with("TR_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_and_ending_can_be_repeated() {
    let (server, livekit) = start().await;
    let (ada, bob) = (
        Participant::join(&server, ROOM, "ada").await,
        Participant::join(&server, ROOM, "bob").await,
    );
    // Publishers connect their media, and thereby become active, with their first track.
    let (_ada, _bob) = (ada.microphone().await, bob.microphone().await);
    person(&livekit, "ada", |_| true).await;
    person(&livekit, "bob", |_| true).await;

    for _ in 0..2 {
        livekit.control(&room(), &Control::Remove("ada".into())).await.unwrap();
    }
    let left = wait_until("ada has left", TIMEOUT, async || {
        let people = livekit.people(&room()).await.unwrap();
        (people.len() == 1).then(|| people[0].identity.to_string())
    })
    .await;
    for _ in 0..2 {
        livekit.control(&room(), &Control::End).await.unwrap();
    }

    assert_eq!(left, "bob");
    assert_eq!(livekit.people(&room()).await.unwrap(), []);
}
