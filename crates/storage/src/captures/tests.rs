use chrono::TimeDelta;
use domain::{
    CaptureId, ObjectKey,
    capture::{Capture, CaptureEnd, CaptureFailure, CaptureState, CaptureTarget},
    recording::{Active, Complete, FailureReason, RecordedFile, RecordingState},
};
use sqlx::{PgConnection, PgPool};

use super::*;
use crate::{recordings, support};

async fn requested(conn: &mut PgConnection) -> Capture {
    let meeting = support::meeting_with_track(conn).await;
    meeting.captures.into_iter().next().unwrap()
}

/// A state: it ended this long after the test's time, and failed if `reason` says why.
fn ended(reason: Option<FailureReason>, after_s: i64) -> CaptureState {
    CaptureState::Ended(CaptureEnd {
        failure: reason.map(|reason| CaptureFailure {
            reason,
            error: Some("no space".to_owned()),
        }),
        started_at: Some(support::now()),
        ended_at: Some(support::now() + TimeDelta::seconds(after_s)),
    })
}

/// Saves captures of one track in these states, and returns their ids.
async fn saved<const N: usize>(conn: &mut PgConnection, states: [CaptureState; N]) -> [CaptureId; N] {
    let first = requested(conn).await;
    let mut ids = [first.id; N];
    for (index, state) in states.into_iter().enumerate() {
        let id = if index == 0 { first.id } else { support::id() };
        let capture = Capture {
            id,
            state,
            ..first.clone()
        };
        save(conn, &capture).await.unwrap();
        ids[index] = id;
    }
    ids
}

fn ids(captures: &[Capture]) -> Vec<CaptureId> {
    captures.iter().map(|capture| capture.id).collect()
}

#[sqlx::test]
async fn every_state_reads_back_as_it_was_written(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let mut capture = requested(&mut conn).await;
    capture.platform_id = Some("EG_1".into());
    capture.attempts = 7;
    capture.earlier_failure = Some(FailureReason::MediaUnreachable);
    capture.reported_at = Some(support::now());
    capture.missing_since = Some(support::now());
    capture.last_error = Some("no answer".to_owned());
    let started_at = Some(support::now());
    let states = [
        CaptureState::Requested,
        CaptureState::Active(Active { started_at }),
        ended(None, 1),
        ended(Some(FailureReason::CaptureFailed), 1),
    ];

    for state in states {
        capture.state = state;
        save(&mut conn, &capture).await.unwrap();

        assert_eq!(find(&mut conn, capture.id).await.unwrap().as_ref(), Some(&capture));
    }
}

#[sqlx::test]
async fn one_capture_of_a_track_and_one_of_a_meeting_is_open_at_a_time(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let first = requested(&mut conn).await;
    let targets = [
        (first.target.clone(), "captures_one_open"),
        (CaptureTarget::Meeting, "captures_one_open_of_meeting"),
    ];
    for (target, index) in targets {
        let first = Capture {
            target,
            ..first.clone()
        };
        let first = Capture {
            id: support::id(),
            ..first
        };
        let second = Capture {
            id: support::id(),
            ..first.clone()
        };
        let before: Vec<_> = list_open(&mut conn).await.unwrap();
        for other in before {
            save(
                &mut conn,
                &Capture {
                    state: ended(None, 0),
                    ..other
                },
            )
            .await
            .unwrap();
        }
        save(&mut conn, &first).await.unwrap();

        let refused = save(&mut conn, &second).await.unwrap_err();
        save(
            &mut conn,
            &Capture {
                state: ended(None, 0),
                ..first
            },
        )
        .await
        .unwrap();
        save(&mut conn, &second).await.unwrap();

        assert!(refused.is_taken(index), "{refused}");
        assert_eq!(ids(&list_open(&mut conn).await.unwrap()), [second.id]);
    }
}

#[sqlx::test]
async fn a_deleted_capture_takes_its_recording_with_it(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let capture = requested(&mut conn).await;

    delete(&mut conn, capture.id).await.unwrap();

    let left = recordings::list_for_meeting(&mut conn, capture.meeting_id)
        .await
        .unwrap();
    assert_eq!(left, []);
}

#[sqlx::test]
async fn open_captures_and_recent_guesses_without_a_file_are_unconfirmed(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let [active, lost, .., with_file] = saved(
        &mut conn,
        [
            CaptureState::Active(Active { started_at: None }),
            ended(Some(FailureReason::Lost), 60),
            ended(Some(FailureReason::Lost), -60),
            ended(Some(FailureReason::NoAudio), 60),
            ended(None, 60),
            ended(Some(FailureReason::Stuck), 60),
        ],
    )
    .await;
    let capture = find(&mut conn, with_file).await.unwrap().unwrap();
    let mut recording = domain::recording::Recording::new(support::id(), &capture);
    recording.state = RecordingState::Complete(Complete {
        file: RecordedFile::new(ObjectKey::parse("recordings/a.ogg").unwrap(), None),
        started_at: None,
        ended_at: None,
        truncated: false,
    });
    recordings::save(&mut conn, &recording).await.unwrap();

    let unconfirmed = list_unconfirmed(&mut conn, support::now()).await.unwrap();

    assert_eq!(ids(&unconfirmed), [active, lost]);
}

#[sqlx::test]
async fn a_state_and_a_reason_of_a_newer_program_are_over_and_unknown(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    for newer in ["state = 'paused'", "state = 'ended', reason = 'abducted'"] {
        sqlx::query("DELETE FROM meetings").execute(&pool).await.unwrap();
        sqlx::query("DELETE FROM rooms").execute(&pool).await.unwrap();
        let capture = requested(&mut conn).await;
        sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE captures SET {newer}")))
            .execute(&pool)
            .await
            .unwrap();

        let found = find(&mut conn, capture.id).await.unwrap().unwrap();

        assert_eq!(found.state.failure().unwrap().reason, FailureReason::Other, "{newer}");
    }
}

/// What older versions stored, in one row for request and file.
#[sqlx::test(migrations = false)]
async fn every_recording_of_an_older_version_gets_a_capture(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    for migration in crate::pool::MIGRATOR.iter().filter(|m| m.version < 10) {
        sqlx::raw_sql(migration.sql.clone()).execute(&mut *conn).await.unwrap();
    }
    let before = "
        INSERT INTO rooms (id, name, platform, recording_policy, consent_policy, language, created_at, updated_at)
        VALUES ('00000000-0000-0000-0000-000000000001', 'r', 'livekit', 'automatic', 'none', 'en', now(), now());
        INSERT INTO meetings (id, room_id, platform, platform_room_key, state, started_at)
        SELECT id, id, 'livekit', 'RM_1', 'open', now() FROM rooms;
        INSERT INTO participants (id, meeting_id, identity) SELECT id, id, 'ada' FROM meetings;
        INSERT INTO tracks (id, meeting_id, participant_id, sid, kind, source, published_at)
        SELECT gen_random_uuid(), id, id, 'TR_' || n, 'audio', 'microphone', now()
        FROM meetings, generate_series(1, 6) AS n;
        INSERT INTO recordings (id, meeting_id, track_id, identity, platform_room_sid, track_sid, requested_at, egress_id,
                                state, reason, error, object_key, manifest_key, missing_since, last_error, ended_at)
        SELECT id, meeting_id, id, 'ada', 'RM_1', sid, now(), 'EG_' || sid, state, reason, 'why',
               CASE WHEN has_file THEN 'a.ogg' END, CASE WHEN has_file THEN 'a.json' END, now(), 'later', now()
        FROM tracks
        JOIN (VALUES ('TR_1', 'requested', NULL, FALSE), ('TR_2', 'active', NULL, FALSE), ('TR_3', 'complete', NULL, TRUE),
                     ('TR_4', 'failed', 'lost', FALSE), ('TR_5', 'failed', 'mismatch', TRUE),
                     ('TR_6', 'failed', 'egress_failed', TRUE)) AS old (track, state, reason, has_file) ON track = sid";
    sqlx::raw_sql(before).execute(&mut *conn).await.unwrap();

    for migration in crate::pool::MIGRATOR.iter().filter(|m| m.version >= 10) {
        sqlx::raw_sql(migration.sql.clone()).execute(&mut *conn).await.unwrap();
    }

    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT concat_ws(' ', c.track_sid, c.state, c.reason, c.error, c.last_error, '|', r.state, r.reason, r.object_key,
                          r.last_error)
         FROM captures AS c
         JOIN recordings AS r ON r.capture_id = c.id AND r.id = c.id AND r.track_id = c.track_id
         WHERE c.platform_id = 'EG_' || c.track_sid AND c.identity = r.identity
         ORDER BY c.track_sid",
    )
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    assert_eq!(
        rows,
        [
            "TR_1 requested later | requested",
            "TR_2 active later | active",
            "TR_3 ended | complete a.ogg later",
            "TR_4 ended lost why | failed lost later",
            "TR_5 ended | failed mismatch a.ogg later",
            "TR_6 ended capture_failed why | failed capture_failed a.ogg later",
        ]
    );
    let meeting = domain::MeetingId(uuid::Uuid::from_u128(1));
    let whole = crate::meetings::find_whole(&mut conn, meeting).await.unwrap().unwrap();
    assert_eq!((whole.captures.len(), whole.recordings.len()), (6, 6));
}
