//! A recorder that was believed to be lost delivers its file after all.

use domain::{
    event::CaptureStatus,
    recording::{FailureReason, Recording, Transcription},
};
use sqlx::PgPool;
use storage::transcripts;

use super::*;

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn two_recordings_of_one_track_count_once_where_they_overlap(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.meeting_with_recordings(&["ada"]).await;
    let lost = test.recording_of("ada").await;
    test.report_capture(&lost, CaptureStatus::Active, None).await;
    test.recorder_joins(&["EG_other"]);
    test.reconcile().await;
    test.advance(5);
    test.reconcile().await;
    test.run_jobs().await;
    let meeting = test.meeting().await;
    let [first, second] = &meeting.recordings[..] else {
        panic!("the lost recorder is not replaced: {:?}", meeting.recordings)
    };
    assert_eq!(first.state.failure(), Some(FailureReason::Lost));

    // Both heard the same sentence.
    let sentence = recorded(&spoken("hello this is the second speaker can you hear me"));
    test.complete(first, &sentence, |_| {}).await;
    test.complete(second, &sentence, |_| {}).await;
    test.remove_room().await;
    test.run_jobs().await;

    let meeting = test.meeting().await;
    let done = |r: &Recording| r.transcription == Transcription::Done;
    assert!(meeting.recordings.iter().all(done), "{:?}", meeting.recordings);
    let mut conn = test.ctx.conn().await.unwrap();
    let (_, transcript) = transcripts::load(&mut conn, meeting.head.id).await.unwrap().unwrap();
    let words = transcript.segments.iter().flat_map(|segment| &segment.words);
    assert_eq!(
        (test.engine.calls(), words.count()),
        (2, 1),
        "{:?}",
        transcript.segments
    );
    assert_eq!(transcript.missing, []);
    let sums = meeting.completeness(test.now()).people[0].sums;
    assert_eq!((sums.recorded_ms, sums.missing_ms), (sums.published_ms, 0));
}
