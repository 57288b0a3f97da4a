use axum::http::StatusCode;
use insta::assert_snapshot;
use serde_json::json;
use storage::PgPool;

use crate::support::{CapturedWebhook, TestApp};

/// Returns the application after all webhooks of one call, and the meeting's id.
async fn after_a_call(pool: PgPool) -> (TestApp, String) {
    let app = TestApp::new(pool).await;
    app.create_room("standup-fixture").await;
    for name in CapturedWebhook::of_a_call() {
        assert_eq!(app.replay(&name).await.status, StatusCode::OK, "{name}");
    }
    let id = app.get("/v1/meetings").await.json()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    (app, id)
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_meeting_is_listed_and_returned_with_its_participants(pool: PgPool) {
    let (app, id) = after_a_call(pool).await;

    let listed = app.get("/v1/meetings?room=standup-fixture").await;
    let shown = app.get(&format!("/v1/meetings/{id}")).await;
    let people = app.get(&format!("/v1/meetings/{id}/participants")).await;

    assert_snapshot!(listed.to_snapshot(), @r#"
    200 OK
    {
      "items": [
        {
          "ended_at": "2026-11-21T08:12:28Z",
          "id": "00000000-0000-7000-8000-000000000007",
          "platform": "livekit",
          "room": "standup-fixture",
          "started_at": "2026-11-21T08:12:13.905Z",
          "state": "closed",
          "transcript": {
            "state": "pending"
          }
        }
      ],
      "next": null
    }
    "#);
    assert_snapshot!(shown.to_snapshot(), @r#"
    200 OK
    {
      "ended_at": "2026-11-21T08:12:28Z",
      "id": "00000000-0000-7000-8000-000000000007",
      "participants": [
        {
          "display_name": "Zoë 寿",
          "identity": "zoe-4b82ed"
        }
      ],
      "platform": "livekit",
      "room": "standup-fixture",
      "started_at": "2026-11-21T08:12:13.905Z",
      "state": "closed",
      "transcript": {
        "state": "pending"
      }
    }
    "#);
    assert_snapshot!(people.to_snapshot(), @r#"
    200 OK
    {
      "items": [
        {
          "connections": [
            {
              "joined_at": "2026-11-21T08:12:15.456Z",
              "left_at": "2026-11-21T08:12:23Z",
              "sid": "PA_fQTFL6szZMNk"
            }
          ],
          "display_name": "Zoë 寿",
          "identity": "zoe-4b82ed",
          "kind": "standard"
        }
      ],
      "next": null
    }
    "#);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_unknown_room_has_an_empty_list_of_meetings(pool: PgPool) {
    let (app, _) = after_a_call(pool).await;

    let other = app.get("/v1/meetings?room=nobody").await;
    let bad = app.get("/v1/meetings?room=No%20Name").await;

    assert_eq!(other.json(), json!({"items": [], "next": null}));
    assert_eq!(
        (bad.status.as_u16(), bad.json()["errors"][0]["field"].as_str()),
        (422, Some("room"))
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_invalid_or_unknown_id_is_not_found(pool: PgPool) {
    let (app, id) = after_a_call(pool).await;

    for path in [
        "/v1/meetings/7",
        "/v1/meetings/00000000-0000-0000-0000-000000000000",
        "/v1/meetings/x/recordings",
    ] {
        assert_eq!(app.get(path).await.problem(), "not-found", "{path}");
    }

    assert_eq!(app.get(&format!("/v1/meetings/{id}")).await.status, StatusCode::OK);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn meetings_are_listed_in_pages_newest_first(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.create_room("standup").await;
    for n in 1..=3 {
        let body = json!({
            "event": "participant_joined",
            "id": format!("EV_{n}"),
            "createdAt": format!("180000000{n}"),
            "room": {"sid": format!("RM_{n}"), "name": "standup", "creationTimeMs": format!("180000000{n}000")},
            "participant": {"sid": "PA_1", "identity": "ada"},
        });
        assert_eq!(app.webhook(&body).await.status, StatusCode::OK);
    }

    let first = app.get("/v1/meetings?limit=2").await.json();
    let rest = app
        .get(&format!(
            "/v1/meetings?limit=2&cursor={}",
            first["next"].as_str().unwrap()
        ))
        .await
        .json();

    let seen = |page: &serde_json::Value| {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|m| format!("{} {}", m["started_at"].as_str().unwrap(), m["state"]))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_snapshot!(seen(&first), @r#"
    2027-01-15T08:00:03Z "open"
    2027-01-15T08:00:02Z "closed"
    "#);
    assert_snapshot!(seen(&rest), @r#"2027-01-15T08:00:01Z "closed""#);
}
