use axum::http::{Method, StatusCode};
use domain::{
    MeetingId, ObjectKey, SampleTime, UnixNanos,
    manifest::Fit,
    recording::{Coverage, VerifiedRecording},
};
use insta::assert_snapshot;
use storage::PgPool;
use uuid::Uuid;

use crate::support::TestApp;

/// Object key of the captured call's recording.
const KEY: &str = "livekit/standup-fixture/zoe-4b82ed-TR_AMx23cZGKLrKR5.ogg";

/// Returns the application after the first webhooks of a call, with the ids of its meeting and recording.
async fn after(pool: PgPool, webhooks: usize) -> (TestApp, Uuid, Uuid) {
    let app = TestApp::new(pool).await;
    app.create_room("standup-fixture").await;
    app.replay_call(webhooks).await;
    let id = |value: &serde_json::Value| value["items"][0]["id"].as_str().unwrap().parse::<Uuid>().unwrap();
    let meeting = id(&app.get("/v1/meetings").await.json());
    let recording = id(&app.get(&format!("/v1/meetings/{meeting}/recordings")).await.json());
    (app, meeting, recording)
}

async fn with_audio(pool: PgPool) -> (TestApp, String) {
    let (app, _, recording) = after(pool, 10).await;
    let key = ObjectKey::parse(KEY).unwrap();
    app.state
        .objects
        .put(&key, b"0123456789".to_vec().into(), "audio/ogg")
        .await
        .unwrap();
    (app, format!("/v1/recordings/{recording}/audio"))
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_recording_has_its_timing_and_digest_once_it_is_accepted(pool: PgPool) {
    let (app, meeting, recording) = after(pool, 10).await;
    let before = app.get(&format!("/v1/recordings/{recording}")).await;
    let now = app.now();
    let accept = |_: &domain::room::Room, whole: &domain::meeting::Meeting| {
        let fit = Fit {
            a_ns: UnixNanos::from_datetime(whole.head.started_at).saturating_add(2_500_000_000),
            b_ns: 20_833.3,
        };
        let verified = VerifiedRecording {
            sha256: "ab".repeat(32),
            size_bytes: 10,
            samples: SampleTime(48_000),
            duration_ms: 1_000,
            fit,
            coverage: Coverage::default(),
        };
        whole.accept_recording(recording.into(), verified, now)
    };

    let mut tx = storage::ChangeTx::begin(&app.pool).await.unwrap();
    tx.change_meeting(MeetingId(meeting), accept).await.unwrap();
    tx.commit().await.unwrap();

    assert_snapshot!(before.to_snapshot(), @r#"
    200 OK
    {
      "attempts": 1,
      "capture_id": "00000000-0000-7000-8000-00000000000d",
      "duration_ms": null,
      "egress_id": "EG_mdeZn6iC2ZDL",
      "ended_at": "2026-11-21T08:12:19.970244Z",
      "error": null,
      "guess": false,
      "id": "00000000-0000-7000-8000-00000000000e",
      "identity": "zoe-4b82ed",
      "manifest_key": "livekit/standup-fixture/zoe-4b82ed-TR_AMx23cZGKLrKR5.json",
      "meeting_id": "00000000-0000-7000-8000-000000000007",
      "mixed": false,
      "object_key": "livekit/standup-fixture/zoe-4b82ed-TR_AMx23cZGKLrKR5.ogg",
      "offset_ms": null,
      "reason": null,
      "sha256": null,
      "size_bytes": 12345,
      "started_at": "2026-11-21T08:12:17.120383Z",
      "state": "complete",
      "track_sid": "TR_AMx23cZGKLrKR5"
    }
    "#);
    let listed = app.get(&format!("/v1/meetings/{meeting}/recordings")).await.json();
    let item = &listed["items"][0];
    assert_snapshot!(format!("{} {} {}", item["offset_ms"], item["duration_ms"], item["size_bytes"]), @"2500 1000 10");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn audio_is_served_whole_or_as_one_range(pool: PgPool) {
    let (app, path) = with_audio(pool).await;
    let mut table = String::new();

    for range in [
        "",
        "bytes=0-3",
        "bytes=7-",
        "bytes=-2",
        "bytes=8-99",
        "bytes=-99",
        "bytes=10-",
        "bytes=0-1,4-5",
        "x",
    ] {
        let headers: &[_] = if range.is_empty() { &[] } else { &[("range", range)] };
        for method in [Method::GET, Method::HEAD] {
            let answer = app.request(method.clone(), &path, headers).await;
            let (status, length) = (answer.status.as_u16(), answer.header("content-length").unwrap_or("-"));
            let extent = answer.header("content-range").unwrap_or("-");
            let body = if answer.status.is_success() || method == Method::HEAD {
                answer.text()
            } else {
                answer.problem()
            };
            let row = format!(
                "{:4} {range:13} {status} {length:3} {extent:16} {body}",
                method.as_str()
            );
            table += &format!("{}\n", row.trim_end());
        }
    }

    assert_snapshot!(table, @r"
    GET                200 10  -                0123456789
    HEAD               200 10  -
    GET  bytes=0-3     206 4   bytes 0-3/10     0123
    HEAD bytes=0-3     206 4   bytes 0-3/10
    GET  bytes=7-      206 3   bytes 7-9/10     789
    HEAD bytes=7-      206 3   bytes 7-9/10
    GET  bytes=-2      206 2   bytes 8-9/10     89
    HEAD bytes=-2      206 2   bytes 8-9/10
    GET  bytes=8-99    206 2   bytes 8-9/10     89
    HEAD bytes=8-99    206 2   bytes 8-9/10
    GET  bytes=-99     206 10  bytes 0-9/10     0123456789
    HEAD bytes=-99     206 10  bytes 0-9/10
    GET  bytes=10-     416 215 bytes */10       bad-range
    HEAD bytes=10-     416 215 bytes */10
    GET  bytes=0-1,4-5 200 10  -                0123456789
    HEAD bytes=0-1,4-5 200 10  -
    GET  x             200 10  -                0123456789
    HEAD x             200 10  -
    ");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn audio_has_type_range_and_cache_headers(pool: PgPool) {
    let (app, path) = with_audio(pool).await;

    let answer = app.get(&path).await;

    assert_eq!(answer.header("content-type"), Some("audio/ogg; codecs=opus"));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn audio_of_an_active_recording_is_a_conflict(pool: PgPool) {
    let (app, _, recording) = after(pool, 5).await;

    let answer = app.get(&format!("/v1/recordings/{recording}/audio")).await;

    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::CONFLICT, "audio-not-ready")
    );
    assert_eq!(answer.json()["state"], "active");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn audio_missing_in_the_store_is_not_found(pool: PgPool) {
    let (app, _, recording) = after(pool, 10).await;

    let lost = app.get(&format!("/v1/recordings/{recording}/audio")).await;
    let none = app
        .get("/v1/recordings/00000000-0000-0000-0000-000000000000/audio")
        .await;

    assert_eq!(
        (lost.status, lost.problem().as_str()),
        (StatusCode::NOT_FOUND, "not-found")
    );
    assert_eq!(none.problem(), "not-found");
}
