use axum::http::{Method, StatusCode};
use insta::assert_snapshot;
use serde_json::{Value, json};
use storage::PgPool;

use crate::support::TestApp;

async fn with_room(pool: PgPool) -> TestApp {
    let app = TestApp::new(pool).await;
    app.create_room("standup").await;
    app
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_room_is_created_with_defaults(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let made = app
        .send_json(Method::POST, "/v1/rooms", &json!({"name": "standup"}))
        .await;
    let read = app.get("/v1/rooms/standup").await;

    assert_snapshot!(made.to_snapshot(), @r#"
    201 Created
    {
      "consent": "none",
      "created_at": "2027-01-15T08:00:00Z",
      "language": "en",
      "name": "standup",
      "platform": "livekit",
      "recording": "automatic",
      "updated_at": "2027-01-15T08:00:00Z"
    }
    "#);
    assert_eq!(read.json(), made.json());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_name_can_be_used_only_once(pool: PgPool) {
    let app = with_room(pool).await;

    let again = app
        .send_json(Method::POST, "/v1/rooms", &json!({"name": "standup"}))
        .await;

    assert_snapshot!(again.to_snapshot(), @r#"
    409 Conflict
    {
      "detail": "a room named standup already exists",
      "status": 409,
      "title": "Conflict",
      "type": "urn:trackscribe:problem:conflict"
    }
    "#);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn values_not_implemented_are_rejected_with_the_implemented_ones(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let create = |field: &str, value: Value| {
        let mut body = json!({"name": "standup"});
        body[field] = value;
        let app = &app;
        async move {
            let answer = app.send_json(Method::POST, "/v1/rooms", &body).await;
            format!(
                "{} {}",
                answer.status.as_u16(),
                answer.json()["detail"].as_str().unwrap()
            )
        }
    };

    let answers = [
        create("recording", json!("prompt")).await,
        create("recording", json!("always")).await,
        create("consent", json!("ask")).await,
        create("platform", json!("daily")).await,
        create("platform", json!(7)).await,
        create("language", json!("Klingon!")).await,
        create("name", json!("No Name")).await,
        create("retention", json!(30)).await,
    ];

    assert_snapshot!(answers.join("\n"), @r"
    422 recording: unknown variant `prompt`, expected `automatic` or `off`
    422 recording: unknown variant `always`, expected `automatic` or `off`
    422 consent: unknown variant `ask`, expected `none`
    422 platform: daily is not configured on this server; set DAILY_API_KEY, DAILY_WEBHOOK_SECRET
    422 platform: invalid type: integer `7`, expected string or map
    422 language: a language must be a tag such as 'en', 'de-CH' or 'zh-Hant'
    422 name: a room name is 1 to 63 characters of a-z, 0-9 and '-', and does not begin with '-'
    422 retention: unknown field `retention`, expected one of `name`, `platform`, `recording`, `consent`, `language`
    ");
    assert_eq!(app.get("/v1/rooms").await.json(), json!({"items": [], "next": null}));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_body_that_is_not_json_is_rejected(pool: PgPool) {
    let app = with_room(pool).await;
    let send = |content_type: &'static str, body: Vec<u8>| {
        let request = axum::http::Request::post("/v1/rooms")
            .header("authorization", format!("Bearer {}", crate::support::WRITE))
            .header("content-type", content_type)
            .body(body.into())
            .unwrap();
        app.send(request)
    };

    let text = send("text/plain", b"{}".to_vec()).await;
    let broken = send("application/json", b"{\"name\":".to_vec()).await;
    let huge = send("application/json", vec![b' '; 65 * 1024]).await;

    assert_eq!(
        (text.status.as_u16(), text.problem().as_str()),
        (415, "unsupported-media-type")
    );
    assert_eq!((broken.status.as_u16(), broken.problem().as_str()), (400, "malformed"));
    assert_eq!((huge.status.as_u16(), huge.problem().as_str()), (413, "too-large"));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_update_changes_given_settings_and_keeps_omitted_ones(pool: PgPool) {
    let app = with_room(pool).await;
    app.set_now(app.now() + chrono::TimeDelta::hours(1));

    let changed = app
        .send_json(Method::PATCH, "/v1/rooms/standup", &json!({"recording": "off"}))
        .await;
    let refused = app
        .send_json(Method::PATCH, "/v1/rooms/standup", &json!({"recording": "prompt"}))
        .await;
    let unknown = app.send_json(Method::PATCH, "/v1/rooms/nobody", &json!({})).await;

    assert_snapshot!(changed.to_snapshot(), @r#"
    200 OK
    {
      "consent": "none",
      "created_at": "2027-01-15T08:00:00Z",
      "language": "en",
      "name": "standup",
      "platform": "livekit",
      "recording": "off",
      "updated_at": "2027-01-15T09:00:00Z"
    }
    "#);
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(unknown.problem(), "not-found");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_deleted_room_is_not_found_and_its_name_can_be_reused(pool: PgPool) {
    let app = with_room(pool).await;

    let deleted = app.send_json(Method::DELETE, "/v1/rooms/standup", &json!(null)).await;
    let again = app.send_json(Method::DELETE, "/v1/rooms/standup", &json!(null)).await;

    assert_eq!(
        (deleted.status, again.status),
        (StatusCode::NO_CONTENT, StatusCode::NOT_FOUND)
    );
    assert!(deleted.body.is_empty());
    app.create_room("standup").await;
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn rooms_are_listed_in_pages_by_name(pool: PgPool) {
    let app = TestApp::new(pool).await;
    for name in ["c", "a", "b"] {
        app.create_room(name).await;
    }

    let first = app.get("/v1/rooms?limit=2").await.json();
    let rest = app
        .get(&format!("/v1/rooms?limit=2&cursor={}", first["next"].as_str().unwrap()))
        .await
        .json();
    let bad = app.get("/v1/rooms?limit=many").await;

    let names = |page: &Value| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&first), names(&rest)),
        (vec![json!("a"), json!("b")], vec![json!("c")])
    );
    assert_eq!(rest["next"], json!(null));
    assert_eq!(bad.json()["errors"][0]["field"], "limit");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_token_is_issued_without_livekit(pool: PgPool) {
    let app = with_room(pool).await;
    let body = json!({"display_name": "Ada", "identity": "ada", "role": "listener", "ttl_s": 300});

    let answer = app.join("standup", &body).await;

    let mut shown = answer.json();
    let token = shown["token"].take();
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(token.as_str().unwrap().split('.').count(), 3);
    assert_snapshot!(shown, @r#"{"expires_at":"2027-01-15T08:05:00Z","identity":"ada","participant_token":null,"permissions":{"audio":false,"data":false,"hidden":false,"screen":false,"video":false},"platform":"livekit","token":null,"url":"wss://livekit.test"}"#);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_invalid_join_request_names_the_field(pool: PgPool) {
    let app = with_room(pool).await;
    let fields = |answer: Value| answer["errors"][0]["field"].as_str().unwrap_or_default().to_owned();
    let mut named = Vec::new();

    for body in [
        json!({}),
        json!({"display_name": "Ada", "ttl_s": 299}),
        json!({"display_name": "Ada", "ttl_s": i64::MAX}),
        json!({"display_name": "Ada", "identity": ""}),
        json!({"display_name": "Ada", "identity": "egress-1"}),
        json!({"display_name": "Ada\nLovelace"}),
        json!({"display_name": "Ada", "role": "admin"}),
        json!({"display_name": "Ada", "role": "listener", "permissions": {"audio": true}}),
        json!({"display_name": "Ada", "permissions": {"hidden": true}}),
        json!({"display_name": "Ada", "permissions": {"roomAdmin": true}}),
    ] {
        let answer = app.join("standup", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        named.push(fields(answer.json()));
    }

    assert_eq!(
        named,
        [
            "display_name",
            "ttl_s",
            "ttl_s",
            "identity",
            "identity",
            "display_name",
            "role",
            "permissions.audio",
            "permissions.hidden",
            "permissions.roomAdmin"
        ]
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn names_in_any_script_and_random_identities_are_accepted(pool: PgPool) {
    let app = with_room(pool).await;
    let mut identities = std::collections::BTreeSet::new();

    for name in [
        "Zoë",
        "寿司",
        "Абай",
        "ليلى",
        "👩‍🚀",
        "नमस्ते",
        "",
        "a".repeat(256).as_str(),
    ] {
        let answer = app.join("standup", &json!({"display_name": name})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{name}: {}", answer.text());
        identities.insert(answer.json()["identity"].as_str().unwrap().to_owned());
    }

    assert_eq!(identities.len(), 8);
}
