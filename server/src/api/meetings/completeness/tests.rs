use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    MeetingId, ObjectKey, SampleTime, UnixNanos,
    capture::{CaptureEnd, CaptureState},
    manifest::{Fit, GapCause, Listened},
    meeting::Meeting,
    recording::{Acceptance, Complete, Coverage, Hole, RecordedFile, Recording, RecordingState},
};
use insta::assert_snapshot;
use serde_json::{Value, json};
use storage::PgPool;
use uuid::Uuid;

use crate::support::{TestApp, TestResponse};

const START: i64 = 1_800_000_000;

/// A meeting of which a test sends every webhook, at seconds since its start.
struct Call(TestApp);

impl Call {
    async fn new(pool: PgPool) -> Self {
        let app = TestApp::new(pool).await;
        app.create_room("standup").await;
        Self(app)
    }

    async fn event(&self, second: i64, event: &str, extra: Value) {
        self.0.set_now(at(second));
        let mut body = json!({
            "event": event,
            "id": format!("EV_{event}_{second}"),
            "createdAt": (START + second).to_string(),
            "room": {"sid": "RM_1", "name": "standup", "creationTimeMs": format!("{START}000")},
        });
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        assert_eq!(self.0.webhook(&body).await.status, StatusCode::OK);
    }

    async fn track(&self, second: i64, event: &str, identity: &str, source: &str) {
        let track = json!({"sid": format!("TR_{identity}_{source}"), "source": source, "mimeType": "audio/red"});
        let participant = json!({"sid": format!("PA_{identity}"), "identity": identity});
        self.event(second, event, json!({"participant": participant, "track": track}))
            .await;
    }

    async fn join(&self, second: i64, identity: &str) {
        let participant =
            json!({"sid": format!("PA_{identity}"), "identity": identity, "name": identity.to_uppercase()});
        self.event(second, "participant_joined", json!({"participant": participant}))
            .await;
        self.track(second, "track_published", identity, "MICROPHONE").await;
    }

    async fn meeting(&self) -> Meeting {
        let id = self.0.get("/v1/meetings").await.json()["items"][0]["id"].clone();
        let id = MeetingId(id.as_str().unwrap().parse::<Uuid>().unwrap());
        let mut conn = self.0.pool.acquire().await.unwrap();
        storage::meetings::find_whole(&mut conn, id).await.unwrap().unwrap()
    }

    async fn completeness(&self) -> TestResponse {
        let id = self.meeting().await.head.id;
        self.0.get(&format!("/v1/meetings/{id}/completeness")).await
    }

    /// Stores what the recorder of a participant's microphone heard.
    async fn accept(&self, identity: &str, coverage: Coverage) {
        let meeting = self.meeting().await;
        let of_them = |r: &&Recording| r.identity == Some(identity.into());
        let mut recording = meeting.recordings.iter().find(of_them).cloned().unwrap();
        let mut capture = meeting.capture(recording.capture_id).cloned().unwrap();
        capture.state = CaptureState::Ended(CaptureEnd {
            failure: None,
            started_at: None,
            ended_at: None,
        });
        recording.state = complete();
        recording.acceptance = Some(Acceptance {
            accepted_at: at(100),
            sha256: String::new(),
            size_bytes: 1,
            samples: SampleTime::SECOND,
            duration_ms: 1_000,
            offset_ms: 0,
            fit: Fit {
                a_ns: nanos(0),
                b_ns: 1e9 / 48e3,
            },
            coverage: Some(coverage),
        });
        let mut conn = self.0.pool.acquire().await.unwrap();
        storage::captures::save(&mut conn, &capture).await.unwrap();
        storage::recordings::save(&mut conn, &recording).await.unwrap();
    }
}

fn complete() -> RecordingState {
    RecordingState::Complete(Complete {
        file: RecordedFile::new(ObjectKey::parse("a.ogg").unwrap(), None),
        started_at: None,
        ended_at: None,
        truncated: false,
    })
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(START, 0).unwrap() + TimeDelta::seconds(second)
}

fn nanos(second: i64) -> UnixNanos {
    UnixNanos::from_datetime(at(second))
}

fn listened(from: i64, to: i64) -> Listened {
    Listened {
        from_ns: nanos(from),
        to_ns: nanos(to),
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn what_is_missing_is_listed_for_each_participant(pool: PgPool) {
    let call = Call::new(pool).await;
    call.join(1, "ada").await;
    call.join(10, "bob").await;
    call.track(20, "track_published", "bob", "SCREEN_SHARE_AUDIO").await;
    let open = call.completeness().await.json();
    call.track(80, "track_unpublished", "bob", "MICROPHONE").await;
    call.event(90, "room_finished", json!({})).await;
    let hole = Hole {
        from_ns: nanos(30),
        to_ns: nanos(32),
        cause: GapCause::RecorderRestarted,
    };
    call.accept(
        "ada",
        Coverage {
            listened: vec![listened(2, 30), listened(32, 91)],
            holes: vec![hole],
        },
    )
    .await;
    let whole = Coverage {
        listened: vec![listened(15, 75)],
        holes: Vec::new(),
    };
    call.accept("bob", whole).await;

    let closed = call.completeness().await;

    assert_eq!((&open["final"], &open["complete"]), (&json!(false), &json!(false)));
    assert_snapshot!(closed.to_snapshot(), @r#"
    200 OK
    {
      "complete": false,
      "final": true,
      "meeting_id": "00000000-0000-7000-8000-000000000005",
      "missing_ms": 13000,
      "participants": [
        {
          "display_name": "ADA",
          "identity": "ada",
          "missing": [
            {
              "end_ms": 32000,
              "guess": false,
              "reason": "recorder_restarted",
              "recording_id": "00000000-0000-7000-8000-00000000000c",
              "start_ms": 30000,
              "track_sid": "TR_ada_MICROPHONE"
            }
          ],
          "missing_ms": 3000,
          "not_recorded": [],
          "published_ms": 89000,
          "recorded_ms": 86000
        },
        {
          "display_name": "BOB",
          "identity": "bob",
          "missing": [
            {
              "end_ms": 15000,
              "guess": false,
              "reason": "late",
              "recording_id": "00000000-0000-7000-8000-000000000015",
              "start_ms": 10000,
              "track_sid": "TR_bob_MICROPHONE"
            },
            {
              "end_ms": 80000,
              "guess": false,
              "reason": "cut",
              "recording_id": "00000000-0000-7000-8000-000000000015",
              "start_ms": 75000,
              "track_sid": "TR_bob_MICROPHONE"
            }
          ],
          "missing_ms": 10000,
          "not_recorded": [
            {
              "end_ms": 90000,
              "reason": "screen_share_audio",
              "start_ms": 20000,
              "track_sid": "TR_bob_SCREEN_SHARE_AUDIO"
            }
          ],
          "published_ms": 70000,
          "recorded_ms": 60000
        }
      ],
      "published_ms": 159000,
      "recorded_ms": 146000
    }
    "#);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_unknown_meeting_has_no_completeness(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let unknown = app.get(&format!("/v1/meetings/{}/completeness", Uuid::now_v7())).await;

    assert_eq!(unknown.problem(), "not-found");
}
