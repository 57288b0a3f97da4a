//! Which key may do what.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use storage::PgPool;

use super::path_of;
use crate::{
    keys::Scope,
    support::{Operation, TestApp},
};

/// Operations that need no API key, and why.
const WITHOUT_KEY: [(&str, &str); 7] = [
    ("GET /healthz", "for orchestrators; says only that the process runs"),
    (
        "GET /metrics",
        "for Prometheus; contains no names of people, rooms or meetings",
    ),
    ("GET /readyz", "for orchestrators; names services, not their addresses"),
    ("POST /v1/daily/webhook", "is authenticated by Daily's signature"),
    ("POST /v1/livekit/webhook", "is authenticated by LiveKit's signature"),
    (
        "POST /v1/rooms/{name}/refresh",
        "is for people in a meeting; their participant token in the body authenticates them",
    ),
    ("POST /v1/whereby/webhook", "is authenticated by Whereby's signature"),
];

async fn status_of(app: &TestApp, method: &Method, path: &str, key: &str) -> u16 {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {key}"));
    app.status(request.body(Body::from("{}")).unwrap()).await.as_u16()
}

fn key_with(scope: Scope) -> String {
    format!("tsk_only_{scope}")
}

/// Returns the methods of an operation: every GET operation also serves HEAD.
fn methods(operation: &Operation) -> Vec<Method> {
    match operation.method {
        Method::GET => vec![Method::GET, Method::HEAD],
        ref method => vec![method.clone()],
    }
}

async fn check_scope(app: &TestApp, method: &Method, operation: &Operation) {
    let path = path_of(operation);
    let required: Scope = operation.scope().unwrap().parse().unwrap();
    for key in ["", "tsk_stranger", "Bearer tsk_stranger"] {
        let status = status_of(app, method, &path, key).await;
        assert_eq!(status, 401, "{method} {path} with the key {key:?}");
    }
    for granted in Scope::ALL {
        let status = status_of(app, method, &path, &key_with(granted)).await;
        let name = format!("{method} {path} requires {required}, and answers {status} to {granted}");
        assert_eq!(status == 403, !granted.includes(required), "{name}");
        assert!(status != 401 && status < 500, "{name}");
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_operation_requires_a_key_with_the_scope_that_it_documents(pool: PgPool) {
    let app = TestApp::new(pool).await;
    for scope in Scope::ALL {
        app.add_key(&key_with(scope), scope).await;
    }
    let mut open = Vec::new();

    for operation in app.operations() {
        if operation.scope().is_none() {
            open.push(format!("{} {}", operation.method, operation.path));
            continue;
        }
        for method in methods(operation) {
            check_scope(&app, &method, operation).await;
        }
    }

    // An operation that declares no scope belongs to the list above, with the reason.
    assert_eq!(open, WITHOUT_KEY.map(|(name, _)| name));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_key_without_a_known_scope_may_do_nothing(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.add_key("tsk_future", Scope::Admin).await;
    sqlx::query("UPDATE api_keys SET scopes = '{future}' WHERE name = 'tsk_future'")
        .execute(&app.pool)
        .await
        .unwrap();

    let status = status_of(&app, &Method::GET, "/v1/rooms", "tsk_future").await;

    assert_eq!(status, 403);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_revoked_key_is_rejected(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.add_key("tsk_admin", Scope::Admin).await;
    let before = status_of(&app, &Method::DELETE, "/v1/rooms/nobody", "tsk_admin").await;

    let mut conn = app.pool.acquire().await.unwrap();
    let keys = storage::api_keys::list(&mut conn).await.unwrap();
    let admin = keys.iter().find(|key| key.name == "tsk_admin").unwrap();
    storage::api_keys::revoke(&mut conn, admin.id, app.now()).await.unwrap();
    drop(conn);

    assert_eq!(before, 404);
    assert_eq!(
        status_of(&app, &Method::DELETE, "/v1/rooms/nobody", "tsk_admin").await,
        401
    );
    assert_eq!(admin.last_used_at, Some(app.now()));
}
