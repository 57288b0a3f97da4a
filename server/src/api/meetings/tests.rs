use axum::http::{Method, StatusCode};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
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

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn meetings_are_filtered_by_room_state_platform_and_time(pool: PgPool) {
    let (app, _) = after_a_call(pool).await;
    let all = app.get("/v1/meetings").await.json()["items"][0].clone();
    let (room, began) = (all["room"].as_str().unwrap(), all["started_at"].as_str().unwrap());
    let deleted = app
        .send_json(Method::DELETE, &format!("/v1/rooms/{room}"), &json!(null))
        .await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);

    for (query, count) in [
        (format!("room={room}&state=closed&platform=livekit&from={began}"), 1),
        ("room=nobody".to_owned(), 0),
        ("state=open".to_owned(), 0),
        ("platform=daily".to_owned(), 0),
        (format!("to={began}"), 0),
        ("from=9999-12-31T23:59:59.999999999Z".to_owned(), 0),
        ("from=0001-01-01T00:00:00Z&to=2999-01-01T00:00:00%2B01:00".to_owned(), 1),
    ] {
        let page = app.get(&format!("/v1/meetings?{query}")).await;
        assert_eq!(
            page.json()["items"].as_array().map(Vec::len),
            Some(count),
            "{query}: {}",
            page.text()
        );
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn hostile_filters_and_cursors_are_refused_by_name(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let cursor = |json: &str| format!("cursor={}", BASE64_URL_SAFE_NO_PAD.encode(json));

    for (query, field) in [
        ("from=yesterday".to_owned(), "from"),
        ("from=%2B262142-12-31T00:00:00Z".to_owned(), "from"),
        ("from=2026-01-01T00:00:00+01:00".to_owned(), "from"),
        ("to=-4800-01-01T00:00:00Z".to_owned(), "to"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z".to_owned(), "to"),
        ("state=ended".to_owned(), "state"),
        ("platform=zoom".to_owned(), "platform"),
        ("room=a%00b".to_owned(), "room"),
        ("room='%20OR%20true".to_owned(), "room"),
        ("limit=0".to_owned(), "limit"),
        ("limit=99999999999999999999".to_owned(), "limit"),
        (
            cursor(r#"["+262142-12-31T00:00:00Z","00000000-0000-0000-0000-000000000000"]"#),
            "cursor",
        ),
        (
            cursor(r#"["-4800-01-01T00:00:00Z","00000000-0000-0000-0000-000000000000"]"#),
            "cursor",
        ),
        (cursor(r#"["2026-01-01T00:00:00Z","1"]"#), "cursor"),
        (cursor(r#"["2026-01-01T00:00:00Z"]"#), "cursor"),
        (cursor(&"[".repeat(10_000)), "cursor"),
        (cursor("null"), "cursor"),
    ] {
        let answer = app.get(&format!("/v1/meetings?{query}")).await;
        assert_eq!(answer.problem(), "invalid", "{query}");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}: {}", answer.text());
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn participants_are_listed_in_pages_with_their_connections(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.create_room("standup").await;
    for (n, identity) in [(1, "ada"), (2, "bob"), (3, "ada"), (4, "cleo")] {
        let body = json!({
            "event": "participant_joined",
            "id": format!("EV_{n}"),
            "createdAt": "1800000001",
            "room": {"sid": "RM_1", "name": "standup", "creationTimeMs": "1800000001000"},
            "participant": {"sid": format!("PA_{n}"), "identity": identity},
        });
        assert_eq!(app.webhook(&body).await.status, StatusCode::OK);
    }
    let id = app.get("/v1/meetings").await.json()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let whole = app.get(&format!("/v1/meetings/{id}/participants")).await.json();
    let mut items = Vec::new();
    let mut cursor = String::new();

    loop {
        let page = app
            .get(&format!("/v1/meetings/{id}/participants?limit=1{cursor}"))
            .await
            .json();
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    let connections = items.iter().map(|item| item["connections"].as_array().unwrap().len());
    assert_eq!(connections.collect::<Vec<_>>(), [2, 1, 1]);
    assert_eq!(whole["items"].as_array(), Some(&items));
}
