use chrono::TimeDelta;
use domain::{
    ObjectKey, RecordingId, SampleTime, UnixNanos,
    job::Job,
    manifest::{Fit, GapCause, Listened},
    recording::{
        Acceptance, Active, Complete, Coverage, Failed, FailureReason, Hole, RecordedFile, Recording, RecordingState,
        Transcription,
    },
    track::NotRecorded,
};
use sqlx::{PgConnection, PgPool};

use super::*;
use crate::{StorageError, jobs, meetings, support};

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
        reason: FailureReason::CaptureFailed,
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
async fn an_accepted_recording_reads_back_with_its_fit(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let mut recording = requested(&mut conn).await;
    recording.state = complete();
    recording.acceptance = Some(acceptance());
    recording.transcription = Transcription::Done;

    save(&mut conn, &recording).await.unwrap();

    let found = find(&mut conn, recording.id).await.unwrap().unwrap();
    assert_eq!(
        (found.acceptance, found.transcription),
        (recording.acceptance, Transcription::Done)
    );
}

#[sqlx::test]
async fn a_recording_without_a_track_reads_back_and_its_file_is_stored_once(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let of_track = requested(&mut conn).await;
    let mixed = Recording {
        id: support::id(),
        identity: None,
        track: None,
        mixed: true,
        platform_file_id: Some("file-1".into()),
        state: complete(),
        ..of_track.clone()
    };
    let of_bob = Recording {
        id: support::id(),
        identity: Some("bob".into()),
        mixed: false,
        platform_file_id: Some("file-2".into()),
        ..mixed.clone()
    };
    let twice = Recording {
        id: support::id(),
        ..of_bob.clone()
    };
    for recording in [&mixed, &of_bob] {
        save(&mut conn, recording).await.unwrap();
    }

    let refused = save(&mut conn, &twice).await.unwrap_err();

    assert!(refused.is_taken("recordings_platform_file_id"), "{refused}");
    let all = page_for_meeting(&mut conn, mixed.meeting_id, None, 9).await.unwrap();
    let rest = page_for_meeting(&mut conn, mixed.meeting_id, Some(all[1].id), 9)
        .await
        .unwrap();
    assert_eq!((all, rest), (vec![of_track, mixed, of_bob.clone()], vec![of_bob]));
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

/// A state: it failed for this reason, with or without a file, this long after the test's time.
fn failed(reason: FailureReason, file: Option<&str>, ended_after_s: i64) -> RecordingState {
    let file = file.map(|key| RecordedFile::new(ObjectKey::parse(key).unwrap(), Some(9)));
    RecordingState::Failed(Failed {
        reason,
        error: None,
        file,
        started_at: Some(support::now()),
        ended_at: Some(support::now() + TimeDelta::seconds(ended_after_s)),
    })
}

/// Saves recordings of one track in these states, and returns their ids.
async fn saved<const N: usize>(conn: &mut PgConnection, states: [RecordingState; N]) -> [RecordingId; N] {
    let first = requested(conn).await;
    let mut ids = [first.id; N];
    for (index, state) in states.into_iter().enumerate() {
        let id = if index == 0 { first.id } else { support::id() };
        let recording = Recording {
            id,
            state,
            ..first.clone()
        };
        save(conn, &recording).await.unwrap();
        ids[index] = id;
    }
    ids
}

fn ids(recordings: &[Recording]) -> Vec<RecordingId> {
    recordings.iter().map(|recording| recording.id).collect()
}

#[sqlx::test]
async fn a_failed_recording_keeps_its_file(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let cut = failed(FailureReason::Interrupted, Some("recordings/a.ogg"), 60);
    let [id] = saved(&mut conn, [cut.clone()]).await;

    let found = find(&mut conn, id).await.unwrap().unwrap();

    assert_eq!(found.state, cut);
    assert!(found.awaits_acceptance());
}

#[sqlx::test]
async fn reasons_of_a_newer_program_do_not_keep_this_one_from_the_meeting(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let [id] = saved(&mut conn, [failed(FailureReason::Lost, None, 0)]).await;
    for newer in [
        "UPDATE recordings SET reason = 'abducted'",
        "UPDATE captures SET earlier_failure = 'abducted'",
        "UPDATE tracks SET not_recorded = 'abducted'",
    ] {
        sqlx::query(newer).execute(&pool).await.unwrap();
    }

    let recording = find(&mut conn, id).await.unwrap().unwrap();
    let meeting = meetings::find_whole(&mut conn, recording.meeting_id).await.unwrap();

    assert_eq!(recording.state.failure(), Some(FailureReason::Other));
    let meeting = meeting.unwrap();
    assert_eq!(meeting.captures[0].earlier_failure, Some(FailureReason::Other));
    assert_eq!(meeting.tracks[0].not_recorded, Some(NotRecorded::Other));
}

#[sqlx::test]
async fn recordings_with_a_file_that_no_job_works_on_are_abandoned(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let file = Some("recordings/a.ogg");
    let [whole, cut, given_up, _too_old, _without_file, _active] = saved(
        &mut conn,
        [
            complete(),
            failed(FailureReason::Interrupted, file, 60),
            failed(FailureReason::NotAccepted, file, 60),
            failed(FailureReason::NotAccepted, file, -60),
            failed(FailureReason::Lost, None, 60),
            RecordingState::Active(Active { started_at: None }),
        ],
    )
    .await;
    let accept = |recording_id| Job::AcceptRecording { recording_id };

    let without_jobs = list_abandoned(&mut conn, support::now()).await.unwrap();
    jobs::add(&mut conn, &[accept(whole), accept(cut)]).await.unwrap();
    let while_jobs_wait = list_abandoned(&mut conn, support::now()).await.unwrap();
    let died = "UPDATE jobs SET state = 'dead', finished_at = now() - make_interval(mins => $1)";
    sqlx::query(died).bind(30).execute(&pool).await.unwrap();
    let after_a_death = list_abandoned(&mut conn, support::now()).await.unwrap();
    sqlx::query(died).bind(61).execute(&pool).await.unwrap();
    let an_hour_later = list_abandoned(&mut conn, support::now()).await.unwrap();

    assert_eq!(ids(&without_jobs), [whole, cut, given_up]);
    assert_eq!(
        (ids(&while_jobs_wait), ids(&after_a_death)),
        (vec![given_up], vec![given_up])
    );
    assert_eq!(ids(&an_hour_later), [whole, cut, given_up]);
}
