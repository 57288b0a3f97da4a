//! Meetings, insights and recordings.

use chrono::{TimeDelta, Utc};
use platform::PlatformError;
use platform::whereby::{
    FileFormat, NewMeeting, RecordingFileName, RecordingTarget, WherebyClient, WherebyMeeting, WherebyRole,
};
use secrecy::ExposeSecret;
use test_support::platforms::Scripted;
use test_support::platforms::whereby::{API_KEY, FakeWhereby};

/// More than any test uses.
const POINTS: u32 = 10_000;

pub fn client(whereby: &FakeWhereby) -> WherebyClient {
    WherebyClient::new(&whereby.api_url(), API_KEY.into(), POINTS).unwrap()
}

pub async fn recorded_meeting(client: &WherebyClient) -> WherebyMeeting {
    client
        .create_meeting(&new(Some(RecordingTarget::Whereby(FileFormat::Mkv))))
        .await
        .unwrap()
}

pub fn unrecorded() -> NewMeeting {
    new(None)
}

fn new(recording: Option<RecordingTarget>) -> NewMeeting {
    NewMeeting {
        room_name_prefix: "standup-".to_owned(),
        ends_at: Utc::now() + TimeDelta::hours(1),
        recording,
    }
}

#[tokio::test]
async fn a_meeting_has_an_address_for_hosts_that_guests_do_not_get() {
    let whereby = FakeWhereby::start().await;
    let client = client(&whereby);

    let made = client.create_meeting(&new(None)).await.unwrap();
    let found = client.get_meeting(&made.id).await.unwrap().unwrap();
    let listed = client.list_meetings().await.unwrap();

    assert!(made.room_name.starts_with("standup-") && made.url.ends_with(&made.room_name));
    let host_url = made.host_url.unwrap();
    assert_eq!(host_url.expose_secret(), found.host_url.unwrap().expose_secret());
    assert!(!made.url.contains("roleKey") && listed[0].host_url.is_none());
    client.delete_meeting(&made.id).await.unwrap();
    client.delete_meeting(&made.id).await.unwrap();
    assert!(client.get_meeting(&made.id).await.unwrap().is_none());
}

#[tokio::test]
async fn every_target_of_recordings_is_accepted() {
    let whereby = FakeWhereby::start().await;
    let client = client(&whereby);
    let own = RecordingTarget::S3 {
        bucket: "acme/recordings".to_owned(),
        region: "eu-west-1".to_owned(),
        access_key_id: "AKIA".to_owned(),
        access_key_secret: "s3-secret".into(),
        format: FileFormat::Mp4,
    };

    for target in [None, Some(RecordingTarget::Whereby(FileFormat::Mkv)), Some(own)] {
        client.create_meeting(&new(target)).await.unwrap();
    }
}

#[tokio::test]
async fn sessions_and_attendees_tell_people_from_programs() {
    let whereby = FakeWhereby::start().await;
    let client = client(&whereby);
    let meeting = recorded_meeting(&client).await;

    let zoe = whereby
        .join(&format!("{}?externalId=p-zoe&displayName=Zo%C3%AB", meeting.url))
        .await
        .unwrap();
    let host = whereby
        .join(meeting.host_url.as_ref().unwrap().expose_secret())
        .await
        .unwrap();

    let running = client.list_sessions(&meeting.room_name).await.unwrap();
    let attendees = client.list_attendees(&running[0].id).await.unwrap();
    assert_eq!((running.len(), running[0].ended_at), (1, None));
    let roles: Vec<_> = attendees.iter().map(|attendee| attendee.role.clone()).collect();
    assert_eq!(roles, [WherebyRole::Guest, WherebyRole::Recorder, WherebyRole::Host]);
    assert_eq!(
        (attendees[0].external_id.as_str(), attendees[0].display_name.as_str()),
        ("p-zoe", "Zoë")
    );
    whereby.leave(&zoe).await;
    whereby.leave(&host).await;
    assert!(
        client.list_sessions(&meeting.room_name).await.unwrap()[0]
            .ended_at
            .is_some()
    );
}

#[tokio::test]
async fn a_recording_is_found_by_listing_downloaded_and_deleted() {
    let whereby = FakeWhereby::start().await;
    let client = client(&whereby);
    let meeting = recorded_meeting(&client).await;
    whereby.record(b"a file");
    let zoe = whereby.join(&meeting.url).await.unwrap();
    whereby.leave(&zoe).await;

    let listed = client.list_recordings(Some(&meeting.room_name)).await.unwrap();

    let recording = client.get_recording(&listed[0].id).await.unwrap().unwrap();
    assert_eq!((listed.len(), &listed[0]), (1, &recording));
    let name = RecordingFileName::parse(&recording.file_name).unwrap();
    assert_eq!(name.room, meeting.room_name);
    let link = client
        .recording_link(&recording.id, TimeDelta::hours(1))
        .await
        .unwrap()
        .unwrap();
    let file = reqwest::get(link.expose_secret()).await.unwrap().bytes().await.unwrap();
    assert_eq!(&file[..], b"a file");
    client.delete_recording(&recording.id).await.unwrap();
    client.delete_recording(&recording.id).await.unwrap();
    assert!(client.list_recordings(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_list_of_several_pages_is_read_whole() {
    let whereby = FakeWhereby::start().await;
    let client = client(&whereby);
    for _ in 0..101 {
        client.create_meeting(&new(None)).await.unwrap();
    }

    assert_eq!(client.list_meetings().await.unwrap().len(), 101);
    assert_eq!(whereby.controls().requests("GET /v1/meetings"), 2);
}

#[tokio::test]
async fn points_that_are_used_up_hold_calls_back() {
    let whereby = FakeWhereby::start().await;
    let client = client(&whereby);
    whereby
        .controls()
        .answer("GET /v1/meetings", Scripted::TooMany { retry_after: 30 });

    let refused = client.list_meetings().await.unwrap_err();
    let next = client.list_recordings(None).await.unwrap_err();

    assert!(matches!(refused, PlatformError::RateLimited { .. }));
    assert!(matches!(next, PlatformError::RateLimited { .. }));
    assert_eq!(whereby.controls().requests(""), 1);
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let whereby = FakeWhereby::start().await;
    let other = WherebyClient::new(&whereby.api_url(), "another key".into(), POINTS).unwrap();

    assert!(matches!(
        other.ping().await.unwrap_err(),
        PlatformError::Unauthorized(..)
    ));
    client(&whereby).ping().await.unwrap();
}
