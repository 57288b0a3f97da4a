//! Raw-tracks recordings.

use chrono::{TimeDelta, Utc};
use platform::PlatformError;
use platform::daily::{CaptureLimits, RecordingStatus, TrackKey, TrackMedia};
use secrecy::ExposeSecret;
use test_support::audio::tone;
use test_support::platforms::daily::FakeDaily;

use super::daily_api::{client, join, room};

#[tokio::test]
async fn a_recording_starts_once_there_is_a_call_and_only_once() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);
    client.create_room(&room("standup-1")).await.unwrap();

    let too_early = client
        .start_recording("standup-1", CaptureLimits::default())
        .await
        .unwrap_err();
    join(&daily, &client, "standup-1", "p-zoe").await;
    client
        .start_recording("standup-1", CaptureLimits::default())
        .await
        .unwrap();
    client
        .start_recording("standup-1", CaptureLimits::default())
        .await
        .unwrap();

    assert!(matches!(too_early, PlatformError::Busy(..)), "{too_early:?}");
    let listed = client
        .list_recordings(Some("standup-1"), Utc::now() - TimeDelta::hours(1))
        .await
        .unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].status, RecordingStatus::InProgress);
}

#[tokio::test]
async fn every_person_has_a_file_that_can_be_downloaded() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);
    client.create_room(&room("standup-1")).await.unwrap();
    let zoe = join(&daily, &client, "standup-1", "p-zoe").await;
    client
        .start_recording("standup-1", CaptureLimits::default())
        .await
        .unwrap();
    daily.speak(&zoe, &tone(440.0, 48_000));

    client.stop_recording("standup-1").await.unwrap();
    let again = client.stop_recording("standup-1").await.unwrap_err();

    assert!(matches!(again, PlatformError::Refused(..)));
    let listed = client
        .list_recordings(None, Utc::now() - TimeDelta::hours(1))
        .await
        .unwrap();
    let recording = client.get_recording(&listed[0].id).await.unwrap().unwrap();
    assert_eq!(
        (&listed[0], &recording.status),
        (&recording, &RecordingStatus::Finished)
    );
    let tracks = recording.tracks.unwrap();
    let key = TrackKey::parse(&tracks[0].key).unwrap();
    assert_eq!((key.session_id, key.media), (zoe, TrackMedia::Microphone));
    assert!(tracks[0].key.starts_with(&recording.key.unwrap()) && tracks[0].is_audio);
    let link = client
        .recording_link(&recording.id, TimeDelta::hours(1))
        .await
        .unwrap()
        .unwrap();
    let file = reqwest::get(link.expose_secret()).await.unwrap().bytes().await.unwrap();
    assert_eq!(Some(file.len() as i64), tracks[0].size_bytes);
    assert_eq!(file[..4], [0x1a, 0x45, 0xdf, 0xa3], "a WebM file begins so");
}

#[tokio::test]
async fn tracks_that_daily_cannot_list_are_not_an_empty_list() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);
    client.create_room(&room("standup-1")).await.unwrap();
    join(&daily, &client, "standup-1", "p-zoe").await;
    client
        .start_recording("standup-1", CaptureLimits::default())
        .await
        .unwrap();
    daily.hide_tracks();

    let listed = client
        .list_recordings(None, Utc::now() - TimeDelta::hours(1))
        .await
        .unwrap();

    assert_eq!(listed[0].tracks, None);
    assert!(listed[0].key.is_some());
}

#[tokio::test]
async fn a_list_is_read_page_by_page_back_to_the_watermark() {
    let daily = FakeDaily::start().await;
    let client = client(&daily);
    let hour = TimeDelta::hours(1);
    daily.add_old_recordings("standup-1", 250, hour);

    let all = client.list_recordings(None, Utc::now() - hour * 1000).await.unwrap();
    let pages_of_all = daily.controls().requests("GET /v1/recordings");
    let recent = client.list_recordings(None, Utc::now() - hour * 10).await.unwrap();

    assert_eq!((all.len(), pages_of_all), (250, 3));
    assert_eq!((recent.len(), daily.controls().requests("GET /v1/recordings")), (9, 4));
    client.delete_recording(&all[0].id).await.unwrap();
    client.delete_recording(&all[0].id).await.unwrap();
    assert_eq!(client.get_recording(&all[0].id).await.unwrap(), None);
}
