//! Rooms, tokens, presence and calls.

use chrono::{DateTime, TimeDelta, Utc};
use domain::participant::Role;
use domain::permissions::Permissions;
use platform::PlatformError;
use platform::daily::{DailyClient, MeetingToken, NewRoom};
use secrecy::ExposeSecret;
use test_support::platforms::daily::{API_KEY, FakeDaily};

pub fn client(daily: &FakeDaily) -> DailyClient {
    DailyClient::new(&daily.api_url(), API_KEY.into()).unwrap()
}

pub fn room(name: &str) -> NewRoom {
    NewRoom {
        name: name.to_owned(),
        expires_at: in_an_hour(),
        max_participants: Some(20),
        bucket: None,
    }
}

/// Issues a token and lets its holder join. Returns the session's id.
pub async fn join(daily: &FakeDaily, client: &DailyClient, room: &str, who: &str) -> String {
    let token = client.create_token(&token(room, who)).await.unwrap();
    daily.join(token.expose_secret()).await.unwrap()
}

fn token(room: &str, who: &str) -> MeetingToken {
    MeetingToken {
        room: room.to_owned(),
        user_id: who.into(),
        display_name: "Zoë 寿".to_owned(),
        permissions: Permissions::of(Role::Participant),
        expires_at: in_an_hour(),
    }
}

fn in_an_hour() -> DateTime<Utc> {
    Utc::now() + TimeDelta::hours(1)
}

#[tokio::test]
async fn a_room_is_private_ends_and_is_created_once() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);

    let made = client.create_room(&room("standup-1")).await.unwrap();
    let again = client.create_room(&room("standup-1")).await.unwrap();

    assert_eq!(made, again);
    assert_eq!(made.url, "https://acme.daily.co/standup-1");
    assert_eq!(made.expires_at.unwrap().timestamp(), in_an_hour().timestamp());
    let properties = daily.room("standup-1").unwrap();
    assert_eq!(properties["eject_at_room_exp"], true);
    assert_eq!(properties["enable_recording"], "raw-tracks");
    assert_eq!(client.get_room("standup-1").await.unwrap(), Some(made));
    assert_eq!(client.get_room("standup-2").await.unwrap(), None);
    assert_eq!(client.list_rooms().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_room_that_is_gone_is_deleted() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);
    client.create_room(&room("standup-1")).await.unwrap();

    client.delete_room("standup-1").await.unwrap();
    client.delete_room("standup-1").await.unwrap();

    assert!(daily.rooms().is_empty());
}

#[tokio::test]
async fn a_token_opens_its_room_and_presence_shows_who_is_there() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);
    client.create_room(&room("standup-1")).await.unwrap();
    client.create_room(&room("standup-2")).await.unwrap();

    let session = join(&daily, &client, "standup-1", "p-zoe").await;

    let present = client.presence().await.unwrap();
    assert_eq!(present.keys().collect::<Vec<_>>(), ["standup-1"]);
    let person = &present["standup-1"][0];
    assert_eq!(
        (person.session_id.as_str(), person.user_id.as_str()),
        (session.as_str(), "p-zoe")
    );
    assert_eq!(person.display_name, "Zoë 寿");
    assert!(person.joined_at.is_some());
    assert!(daily.join("another token").await.is_err());
}

#[tokio::test]
async fn a_call_is_ongoing_until_the_last_person_leaves() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);
    client.create_room(&room("standup-1")).await.unwrap();
    let zoe = join(&daily, &client, "standup-1", "p-zoe").await;
    let ada = join(&daily, &client, "standup-1", "p-ada").await;

    daily.leave(&zoe).await;
    let running = client.list_meetings("standup-1").await.unwrap();
    daily.leave(&ada).await;
    let ended = client.list_meetings("standup-1").await.unwrap();

    assert_eq!((running.len(), running[0].ended_at), (1, None));
    assert_eq!((ended.len(), ended[0].people.len()), (1, 2));
    assert!(ended[0].ended_at.is_some());
    assert_eq!(ended[0].id, running[0].id);
    assert!(client.presence().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_key_is_no_matter_of_time() {
    let daily = FakeDaily::start().await;
    let other = DailyClient::new(&daily.api_url(), "another key".into()).unwrap();

    let refused = other.ping().await.unwrap_err();

    assert!(matches!(refused, PlatformError::Unauthorized(..)) && !refused.is_transient());
    client(&daily).ping().await.unwrap();
}
