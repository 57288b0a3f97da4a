use chrono::TimeDelta;
use domain::{
    ObjectKey, RecordingId, SampleTime, UnixNanos,
    job::Job,
    manifest::{Fit, GapCause, Listened},
    recording::{
        Acceptance, Active, Complete, Coverage, Failed, FailureReason, Hole, RecordedFile, Recording, RecordingState,
        Transcription,
    },
};
use sqlx::{PgConnection, PgPool};

use super::*;
use crate::{StorageError, support};

fn complete() -> RecordingState {
    let object = ObjectKey::parse("recordings/standup/m/ada/TR_1-EG_1.ogg").unwrap();
    RecordingState::Complete(Complete {
        file: RecordedFile::new(object, Some(4_000)),
        started_at: Some(support::now()),
        ended_at: Some(support::now()),
        truncated: true,
    })
}

fn acceptance() -> Acceptance {
    Acceptance {
        accepted_at: support::now(),
        sha256: "ab".repeat(32),
        size_bytes: 4_096,
        samples: SampleTime(48_000),
        duration_ms: 1_000,
        offset_ms: -20,
        fit: Fit {
            a_ns: UnixNanos(1_800_000_000_000_000_000),
            b_ns: 20_833.333,
        },
        coverage: Some(Coverage {
            listened: vec![Listened {
                from_ns: UnixNanos(5),
                to_ns: UnixNanos(9),
            }],
            holes: vec![Hole {
                from_ns: UnixNanos(6),
                to_ns: UnixNanos(7),
                cause: GapCause::DiskFull,
            }],
        }),
    }
}

async fn requested(conn: &mut PgConnection) -> Recording {
    let meeting = support::meeting_with_track(conn).await;
    meeting.recordings.into_iter().next().unwrap()
}

#[sqlx::test]
async fn every_state_reads_back_as_it_was_written(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let mut recording = requested(&mut conn).await;
    let failed = Failed {
        reason: FailureReason::EgressFailed,
        error: Some("no space".to_owned()),
        file: None,
        started_at: None,
        ended_at: Some(support::now()),
    };
    let states = [
        RecordingState::Requested,
        RecordingState::Active(Active {
            started_at: Some(support::now()),
        }),
        complete(),
        RecordingState::Failed(failed),
    ];

    for state in states {
        recording.state = state;
        save(&mut conn, &recording).await.unwrap();

        assert_eq!(find(&mut conn, recording.id).await.unwrap().as_ref(), Some(&recording));
    }
}

#[sqlx::test]
async fn a_repeated_attempt_reads_back_with_the_failure_before_it(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let first = requested(&mut conn).await;
    let mut again = first.clone();
    again.attempts = 7;
    again.earlier_failure = Some(FailureReason::MediaUnreachable);

    let as_inserted = find(&mut conn, first.id).await.unwrap();
    save(&mut conn, &again).await.unwrap();

    assert_eq!(as_inserted, Some(first));
    assert_eq!(find(&mut conn, again.id).await.unwrap(), Some(again));
}

    let mut recording = requested(&mut conn).await;
#[sqlx::test]
async fn an_accepted_recording_reads_back_with_its_fit(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    recording.egress_id = Some("EG_1".into());
    recording.state = complete();
    recording.acceptance = Some(acceptance());
    recording.transcription = Transcription::Done;

    save(&mut conn, &recording).await.unwrap();

    let found = find_by_egress(&mut conn, &"EG_1".into()).await.unwrap().unwrap();
    assert_eq!(
        (found.acceptance, found.transcription),
        (recording.acceptance, Transcription::Done)
    );
}

#[sqlx::test]
async fn one_recording_of_a_track_is_open_at_a_time(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let first = requested(&mut conn).await;
    let second = Recording {
        id: support::id(),
        ..first.clone()
    };

    let refused = save(&mut conn, &second).await.unwrap_err();
    save(
        &mut conn,
        &Recording {
            state: complete(),
            ..first.clone()
        },
    )
    .await
    .unwrap();
    save(&mut conn, &second).await.unwrap();

    assert!(refused.is_taken("recordings_one_open"), "{refused}");
    let open: Vec<_> = list_open(&mut conn).await.unwrap().iter().map(|r| r.id).collect();
    assert_eq!(open, [second.id]);
    let all = page_for_meeting(&mut conn, first.meeting_id, None, 9).await.unwrap();
    let rest = page_for_meeting(&mut conn, first.meeting_id, Some(all[0].id), 9)
        .await
        .unwrap();
    assert_eq!((all.len(), rest.len()), (2, 1));
}

#[sqlx::test]
async fn an_invalid_row_is_named(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let recording = requested(&mut conn).await;
    sqlx::query("UPDATE recordings SET state = 'complete', object_key = '../etc'")
        .execute(&mut *conn)
        .await
        .unwrap();

    let error = find(&mut conn, recording.id).await.unwrap_err();

    assert!(
        matches!(
            error,
            StorageError::Row {
                table: "recordings",
                column: "object_key",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains(&recording.id.to_string()), "{error}");
}
