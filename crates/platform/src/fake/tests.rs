use domain::PlatformRoomKey;

use super::*;

#[tokio::test]
async fn a_recording_is_listed_until_it_has_ended() {
    let fake = FakePlatform::new(PlatformKind::Livekit);
    let room = EventRoom {
        name: Some("standup".to_owned()),
        key: PlatformRoomKey::from("RM_1"),
        session: None,
        created_at: None,
    };
    fake.set_room(LiveRoom {
        room,
        listed_at: DateTime::UNIX_EPOCH,
        participants: Vec::new(),
    });

    let capture = fake
        .start_capture("standup", &"TR_1".into(), "a.ogg")
        .await
        .unwrap()
        .platform_id
        .unwrap();
    let before = fake.list_captures("standup", CaptureFilter::Active).await.unwrap();
    fake.set_recording(&capture, |report| report.status = CaptureStatus::Complete);

    assert_eq!(before.len(), 1);
    assert_eq!(fake.list_captures("standup", CaptureFilter::Active).await.unwrap(), []);
    assert_eq!(
        fake.list_captures("standup", CaptureFilter::All).await.unwrap().len(),
        1
    );
    assert!(matches!(
        fake.stop_capture(&capture).await,
        Err(PlatformError::Refused(..))
    ));
}

#[tokio::test]
async fn a_fake_that_is_down_fails_with_a_transient_error() {
    let fake = FakePlatform::new(PlatformKind::Livekit);

    fake.set_availability(Availability::Down);

    assert!(fake.ping().await.unwrap_err().is_transient());
    assert!(fake.presence(&[]).await.is_err());
}
