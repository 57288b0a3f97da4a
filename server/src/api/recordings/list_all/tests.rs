use axum::http::StatusCode;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use storage::PgPool;

use crate::support::TestApp;

/// Returns an application with two meetings of the room `standup`, an hour apart: Ada and Bob are recorded in the first one,
/// Cleo in the second.
async fn with_recordings(pool: PgPool) -> TestApp {
    let app = TestApp::new(pool).await;
    app.create_room("standup").await;
    for (meeting, began_s, identity) in [
        (1, 1_800_000_000, "ada"),
        (1, 1_800_000_000, "bob"),
        (2, 1_800_003_600, "cleo"),
    ] {
        for event in ["participant_joined", "track_published"] {
            let body = json!({
                "event": event,
                "id": format!("EV_{event}_{identity}"),
                "createdAt": (began_s + 1).to_string(),
                "room": {"sid": format!("RM_{meeting}"), "name": "standup", "creationTimeMs": format!("{began_s}000")},
                "participant": {"sid": format!("PA_{identity}"), "identity": identity},
                "track": {"sid": format!("TR_{identity}"), "source": "MICROPHONE", "mimeType": "audio/opus"},
            });
            assert_eq!(app.webhook(&body).await.status, StatusCode::OK);
        }
    }
    app
}

fn identities(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["identity"].as_str().unwrap()).collect()
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn recordings_of_all_meetings_are_listed_in_pages_newest_first(pool: PgPool) {
    let app = with_recordings(pool).await;
    let whole = app.get("/v1/recordings").await.json();
    let (mut items, mut cursor) = (Vec::new(), String::new());

    loop {
        let page = app.get(&format!("/v1/recordings?limit=1{cursor}")).await.json();
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    assert_eq!(identities(&whole), ["cleo", "bob", "ada"]);
    assert_eq!(whole["items"].as_array(), Some(&items));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn recordings_are_filtered_by_room_state_platform_and_time(pool: PgPool) {
    let app = with_recordings(pool).await;
    let fail = "UPDATE recordings SET state = 'failed', reason = 'lost', ended_at = now() WHERE identity = 'bob'";
    sqlx::query(fail).execute(&app.pool).await.unwrap();

    for (query, expected) in [
        ("state=failed", &["bob"][..]),
        ("state=requested", &["cleo", "ada"]),
        ("state=complete", &[]),
        ("room=standup&platform=livekit", &["cleo", "bob", "ada"]),
        ("room=nobody", &[]),
        ("platform=whereby", &[]),
        ("from=2027-01-15T09:00:00Z", &["cleo"]),
        ("to=2027-01-15T09:00:00Z&state=failed", &["bob"]),
        ("from=2027-01-15T08:00:00.000001Z&to=2027-01-15T09:00:00Z", &[]),
    ] {
        let page = app.get(&format!("/v1/recordings?{query}")).await.json();
        assert_eq!(identities(&page), expected, "{query}");
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_forged_cursor_lists_nothing_or_is_refused(pool: PgPool) {
    let app = with_recordings(pool).await;
    let with = |cursor: &str| format!("/v1/recordings?cursor={}", BASE64_URL_SAFE_NO_PAD.encode(cursor));

    let unknown = app.get(&with(r#""00000000-0000-7000-8000-000000000000""#)).await;

    assert_eq!(identities(&unknown.json()), [""; 0]);
    for cursor in ["7", "\"x\"", "{}", "[[", "\"' OR true\""] {
        let answer = app.get(&with(cursor)).await;
        assert_eq!(answer.json()["errors"][0]["field"], "cursor", "{cursor}");
    }
    for (query, field) in [
        ("state=lost", "state"),
        ("room=A", "room"),
        ("to=9", "to"),
        ("sort=id", "sort"),
    ] {
        let answer = app.get(&format!("/v1/recordings?{query}")).await;
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}");
    }
}
