use domain::{
    event::CaptureStatus,
    recording::{FailureReason, RecordingState},
};
use platform::fake::Availability;
use sqlx::PgPool;

use super::*;
use crate::support::{ROOM, WorkerTest};

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn participants_without_a_webhook_are_recorded(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.people_join(&["ada"]);

    test.reconcile().await;
    test.people_join(&["ada", "bob"]);
    test.reconcile().await;
    test.reconcile().await;
    test.run_jobs().await;

    let meeting = test.meeting().await;
    assert_eq!((meeting.participants.len(), meeting.recordings.len()), (2, 2));
    assert_eq!(test.platform.started().len(), 2);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_meeting_closes_after_two_polls_without_its_room_and_failed_polls_do_not_count(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.people_join(&["ada"]);
    test.reconcile().await;
    test.platform.remove_room("standup");

    test.reconcile().await;
    test.advance(16);
    test.platform.set_availability(Availability::Down);
    let unanswered = run_once(&test.ctx).await;
    let after_an_error = test.meeting().await.head.is_open();
    test.platform.set_availability(Availability::Up);
    test.reconcile().await;

    assert!(unanswered.is_err() && after_an_error);
    assert!(!test.meeting().await.head.is_open());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_meeting_whose_room_is_listed_again_stays_open(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.people_join(&["ada"]);
    test.reconcile().await;

    test.platform.remove_room("standup");
    test.reconcile().await;
    test.people_join(&["ada"]);
    test.reconcile().await;
    test.advance(60);
    test.platform.remove_room("standup");
    test.reconcile().await;

    assert!(test.meeting().await.head.is_open());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_capture_that_ended_without_a_webhook_is_noticed(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.meeting_with_recordings(&["ada"]).await;
    let capture = test.capture_of("ada").await.platform_id.unwrap();
    test.platform
        .set_recording(&capture, |report| report.status = CaptureStatus::Failed);

    test.reconcile().await;
    let young = test.recording_of("ada").await.state;
    test.advance(31);
    test.reconcile().await;

    assert_eq!(young, RecordingState::Requested);
    let recordings = test.meeting().await.recordings;
    assert!(
        matches!(recordings[0].state, RecordingState::Failed(_)),
        "{recordings:?}"
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_recorder_that_has_left_is_replaced_after_5_s(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    let meeting = test.meeting_with_recordings(&["ada"]).await;
    let capture = test.recording_of("ada").await;
    test.report_capture(&capture, CaptureStatus::Active, None).await;
    test.recorder_joins(&["EG_other"]);

    check_room(&test.ctx, meeting.head.id).await.unwrap();
    let queued = test.count_jobs("ready").await;
    test.advance(5);
    test.make_jobs_due().await;
    test.run_jobs().await;

    let reasons: Vec<_> = test
        .meeting()
        .await
        .recordings
        .iter()
        .map(|r| r.state.failure())
        .collect();
    assert_eq!((queued, reasons), (1, vec![Some(FailureReason::Lost), None]));
    assert_eq!(test.platform.started().len(), 2);
}

/// livekit-server was killed: its Redis lists a room whose people and tracks are gone.
#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_track_that_only_the_list_knows_has_one_recording_however_often_it_is_asked_for(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.meeting_with_recordings(&["ada"]).await;
    for _ in 0..5 {
        let capture = test.capture_of("ada").await.platform_id.unwrap();
        let now = test.now();
        test.platform.set_recording(&capture, |report| {
            report.status = CaptureStatus::Failed;
            report.error = Some("track TR_ada not found".to_owned());
            report.updated_at = Some(now);
        });
        test.advance(31);
        test.reconcile().await;
        assert!(test.recording_of("ada").await.state.failure().is_some());
        test.reconcile().await;
        test.run_jobs().await;
    }

    let meeting = test.meeting().await;
    assert_eq!((meeting.recordings.len(), test.platform.started().len()), (1, 6));
    assert_eq!(meeting.captures[0].earlier_failure, Some(FailureReason::CaptureFailed));
    assert_eq!(
        meeting.captures[0].last_error.as_deref(),
        Some("track TR_ada not found")
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_room_that_cannot_be_changed_does_not_keep_the_reconciler_from_the_others(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.meeting_with_recordings(&["ada"]).await;
    test.execute("UPDATE recordings SET state = 'complete', object_key = '../etc', manifest_key = 'x'")
        .await;
    test.add_room("planning", "RM_2", &["bob"]).await;

    let result = run_once(&test.ctx).await;

    let open: Vec<String> = sqlx::query_scalar("SELECT identity FROM recordings WHERE state = 'requested'")
        .fetch_all(&test.ctx.pool)
        .await
        .unwrap();
    assert_eq!(open, ["bob"], "{result:?}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_panic_in_one_room_does_not_keep_the_reconciler_from_the_others(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.people_join(&["ada"]);
    test.add_room("planning", "RM_2", &["bob"]).await;
    test.platform.panic_in(ROOM);

    test.reconcile().await;

    assert_eq!(test.meeting().await.participants[0].identity.as_str(), "bob");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_recording_whose_job_was_lost_or_given_up_is_worked_on_again(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.meeting_with_recordings(&["ada"]).await;
    test.complete_recording(
        "ada",
        &crate::support::ogg(&[crate::support::Tone::silence(0.1)]),
        |_| {},
    )
    .await;
    for lost in [
        "DELETE FROM jobs",
        "UPDATE jobs SET state = 'dead', finished_at = now() - interval '2 hours'",
    ] {
        test.execute(lost).await;
        test.execute("UPDATE recordings SET state = 'failed', reason = 'not_accepted'")
            .await;

        test.reconcile().await;

        assert!(test.recording_of("ada").await.awaits_acceptance(), "{lost}");
        assert_eq!(test.count_jobs("ready").await, 1, "{lost}");
    }
    test.run_jobs().await;
    assert!(test.recording_of("ada").await.acceptance.is_some());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn one_worker_at_a_time_reconciles(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.people_join(&["ada"]);
    let mut other = test.ctx.begin().await.unwrap();
    locks::try_lock(&mut other, LOCK).await.unwrap();

    test.reconcile().await;
    let while_another_reconciles = test.count_jobs("ready").await;
    other.rollback().await.unwrap();
    test.reconcile().await;

    assert_eq!((while_another_reconciles, test.count_jobs("ready").await), (0, 1));
}
