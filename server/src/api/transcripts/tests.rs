use axum::http::{Method, StatusCode};
use domain::{
    MeetingId,
    transcript::{Segment, TranscriptState, Word},
};
use insta::assert_snapshot;
use storage::{PgPool, segments, transcripts::TranscriptHead};
use uuid::Uuid;

use crate::support::{CapturedWebhook, TestApp};

async fn with_transcript(pool: PgPool, state: Option<TranscriptState>) -> (TestApp, String) {
    let app = TestApp::new(pool).await;
    app.create_room("standup-fixture").await;
    for name in CapturedWebhook::of_a_call() {
        app.replay(&name).await;
    }
    let id = app.get("/v1/meetings").await.json()["items"][0]["id"]
        .as_str()
        .unwrap()
        .parse::<Uuid>()
        .unwrap();
    if let Some(state) = state {
        write(&app, MeetingId(id), state).await;
    }
    (app, format!("/v1/meetings/{id}/transcript"))
}

async fn write(app: &TestApp, meeting_id: MeetingId, state: TranscriptState) {
    let mut conn = app.pool.acquire().await.unwrap();
    let head = TranscriptHead {
        meeting_id,
        state,
        language: "en".to_owned(),
        duration_ms: 9_000,
        missing: Vec::new(),
    };
    let word = |text: &str, start_ms| Word {
        text: text.to_owned(),
        start_ms,
        end_ms: start_ms + 400,
        confidence: None,
    };
    let segment = Segment {
        speaker: "zoe-4b82ed".into(),
        start_ms: 1_000,
        end_ms: 1_900,
        text: "good morning".to_owned(),
        words: vec![word("good", 1_000), word("morning", 1_500)],
    };
    storage::transcripts::save(&mut conn, &head).await.unwrap();
    segments::replace(&mut conn, meeting_id, &[segment]).await.unwrap();
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_transcript_is_returned_in_the_requested_format(pool: PgPool) {
    let (app, path) = with_transcript(pool, Some(TranscriptState::Ready)).await;

    let json = app.get(&path).await;
    let text = app.get(&format!("{path}?format=txt")).await;
    let srt = app
        .request(Method::GET, &path, &[("accept", "application/x-subrip")])
        .await;
    let vtt = app
        .request(
            Method::GET,
            &format!("{path}?format=vtt"),
            &[("accept", "application/json")],
        )
        .await;

    assert_snapshot!(json.to_snapshot(), @r#"
    200 OK
    {
      "duration_ms": 9000,
      "language": "en",
      "meeting_id": "00000000-0000-7000-8000-000000000007",
      "missing": [],
      "segments": [
        {
          "end_ms": 1900,
          "speaker": "zoe-4b82ed",
          "start_ms": 1000,
          "text": "good morning",
          "words": [
            {
              "confidence": null,
              "end_ms": 1400,
              "start_ms": 1000,
              "text": "good"
            },
            {
              "confidence": null,
              "end_ms": 1900,
              "start_ms": 1500,
              "text": "morning"
            }
          ]
        }
      ],
      "speakers": [
        {
          "display_name": "Zoë 寿",
          "identity": "zoe-4b82ed"
        }
      ]
    }
    "#);
    assert_snapshot!(text.text(), @"[00:00:01.000] Zoë 寿: good morning");
    assert_snapshot!(srt.text(), @r"
    1
    00:00:01,000 --> 00:00:01,900
    Zoë 寿: good morning
    ");
    assert_snapshot!(vtt.text(), @r"
    WEBVTT

    00:00:01.000 --> 00:00:01.900
    <v Zoë 寿>good morning
    ");
    assert_eq!(vtt.header("content-type"), Some("text/vtt; charset=utf-8"));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_pending_transcript_is_not_ready_and_has_its_state(pool: PgPool) {
    let (app, path) = with_transcript(pool, None).await;

    let answer = app.get(&path).await;

    assert_snapshot!(answer.to_snapshot(), @r#"
    404 Not Found
    {
      "detail": "the transcript of this meeting is not ready",
      "state": "pending",
      "status": 404,
      "title": "Transcript not ready",
      "type": "urn:trackscribe:problem:transcript-not-ready"
    }
    "#);
    assert_eq!(answer.header("retry-after"), Some("5"));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_failed_transcript_has_no_retry_after(pool: PgPool) {
    let (app, path) = with_transcript(pool, Some(TranscriptState::Failed)).await;

    let answer = app.get(&path).await;

    assert_eq!(
        (answer.problem().as_str(), answer.header("retry-after")),
        ("transcript-not-ready", None)
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_unknown_format_is_rejected(pool: PgPool) {
    let (app, path) = with_transcript(pool, Some(TranscriptState::Ready)).await;

    let by_query = app.get(&format!("{path}?format=docx")).await;
    let by_header = app.request(Method::GET, &path, &[("accept", "image/png")]).await;

    assert_eq!(by_query.json()["errors"][0]["field"], "format");
    assert_eq!(
        (by_header.status, by_header.problem().as_str()),
        (StatusCode::NOT_ACCEPTABLE, "not-acceptable")
    );
}
