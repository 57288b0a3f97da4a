//! Liveness, readiness and metrics of this process.

mod latest;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::ObjectKey;
pub use latest::Latest;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::error::{ApiError, ApiResult},
    state::AppState,
};

/// Time limit for the check of one dependency.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Content type of the Prometheus text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Liveness of the process.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// Readiness of the process and the state of its dependencies.
#[derive(Clone, Serialize, ToSchema)]
pub struct Readiness {
    status: ReadinessStatus,
    /// The dependencies by name: `database`, `store` and `livekit`.
    dependencies: BTreeMap<&'static str, Dependency>,
}

/// `ready`: every dependency is available. `degraded`: the platform or the object store is unavailable; webhooks are
/// still stored and join tokens issued. `unavailable`: the database is unavailable, and no request can be served.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReadinessStatus)]
pub enum ReadinessStatus {
    Ready,
    Degraded,
    Unavailable,
}

/// The result of checking one dependency.
#[derive(Clone, Serialize, ToSchema)]
pub struct Dependency {
    status: DependencyStatus,
    /// Duration of the check in milliseconds.
    latency_ms: u64,
    /// Error message, for people. Absent if the check succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Whether the dependency responded within two seconds and accepted our credentials.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DependencyStatus)]
pub enum DependencyStatus {
    Ok,
    Failed,
}

/// Check liveness
///
/// Responds as long as the process runs; checks no dependency. Needs no API key.
#[utoipa::path(get, path = "/healthz", tag = "operations",
    responses((status = 200, body = Health, description = "The process is alive")),
)]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Check readiness
///
/// Checks the database, the object store and the platform concurrently, each for at most two seconds. Returns 503 only if
/// the database is unavailable: without the platform or the store the server still stores webhooks and issues join
/// tokens, so it returns 200 with the status `degraded`. The result is returned again for three seconds. Needs no API key.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    responses(
        (status = 200, body = Readiness, description = "`ready` or `degraded`"),
        (status = 503, body = Readiness, description = "`unavailable`"),
    ),
)]
pub async fn readyz(State(app): State<AppState>) -> (StatusCode, Json<Readiness>) {
    let readiness = app.readiness.get(check(&app)).await;
    let code = match readiness.status {
        ReadinessStatus::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ReadinessStatus::Ready | ReadinessStatus::Degraded => StatusCode::OK,
    };
    (code, Json(readiness))
}

async fn check(app: &AppState) -> Readiness {
    let (database, store, platforms) = tokio::join!(
        check_dependency(storage::pool::ping(&app.pool)),
        check_dependency(ping_store(app)),
        futures::future::join_all(
            app.platforms
                .iter()
                .map(|p| async { (p.kind().as_str(), check_dependency(p.ping()).await) })
        ),
    );
    Readiness::of(database, [("store", store)].into_iter().chain(platforms))
}

/// Get metrics
///
/// Returns the metrics of this process in the Prometheus text format. Needs no API key.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses((status = 200, content_type = "text/plain", body = String, description = "Metrics")),
)]
pub async fn metrics() -> ApiResult<Response> {
    let page = boot::prometheus::install().map_err(|error| ApiError::Internal(error.into()))?;
    Ok(([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], page.render()).into_response())
}

impl Readiness {
    fn of(database: Dependency, others: impl Iterator<Item = (&'static str, Dependency)>) -> Self {
        let mut dependencies: BTreeMap<_, _> = others.collect();
        let some_failed = dependencies.values().any(|d| d.status == DependencyStatus::Failed);
        let status = match (database.status, some_failed) {
            (DependencyStatus::Failed, _) => ReadinessStatus::Unavailable,
            (DependencyStatus::Ok, true) => ReadinessStatus::Degraded,
            (DependencyStatus::Ok, false) => ReadinessStatus::Ready,
        };
        dependencies.insert("database", database);
        Self { status, dependencies }
    }
}

/// Requests an object that never exists: the response shows that the store is reachable and accepts our credentials.
async fn ping_store(app: &AppState) -> Result<(), objects::ObjectError> {
    let key = ObjectKey::parse(".trackscribe/probe/readyz").expect("the key is valid");
    app.objects.size(&key).await.map(drop)
}

/// Runs one check. Reports only the outermost error message: its causes can name hosts and users, and this endpoint needs
/// no key.
async fn check_dependency<E: std::fmt::Display>(work: impl Future<Output = Result<(), E>>) -> Dependency {
    let started = Instant::now();
    let error = match tokio::time::timeout(CHECK_TIMEOUT, work).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no response within {} s", CHECK_TIMEOUT.as_secs())),
    };
    Dependency {
        status: if error.is_some() {
            DependencyStatus::Failed
        } else {
            DependencyStatus::Ok
        },
        latency_ms: started.elapsed().as_millis().try_into().unwrap_or(u64::MAX),
        error,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use storage::PgPool;

    use crate::support::TestApp;

    /// Status of each dependency, and whether a latency is given.
    fn outline(body: &serde_json::Value) -> String {
        let dependencies = body["dependencies"].as_object().unwrap();
        let lines = dependencies
            .iter()
            .map(|(name, d)| format!("{name} {} {}", d["status"], d["latency_ms"].is_u64()));
        format!("{}\n{}", body["status"], lines.collect::<Vec<_>>().join("\n"))
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn without_livekit_the_server_is_degraded_and_names_livekit(pool: PgPool) {
        let app = TestApp::new(pool).await;

        let ready = app.get("/readyz").await;

        assert_eq!(ready.status.as_u16(), 200);
        assert_snapshot!(outline(&ready.json()), @r#"
        "degraded"
        database "ok" true
        livekit "failed" true
        store "ok" true
        "#);
    }

    #[tokio::test]
    async fn without_a_database_the_server_is_alive_but_not_ready() {
        let pool = storage::pool::connect_lazy("postgres://nobody@127.0.0.1:9/none", "test", 2).unwrap();
        let app = TestApp::build(pool, |_| {});

        let (ready, alive) = (app.get("/readyz").await, app.get("/healthz").await);

        assert_eq!((ready.status.as_u16(), alive.status.as_u16()), (503, 200));
        assert_snapshot!(outline(&ready.json()), @r#"
        "unavailable"
        database "failed" true
        livekit "failed" true
        store "ok" true
        "#);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn requests_are_counted(pool: PgPool) {
        let app = TestApp::new(pool).await;
        app.get("/metrics").await;
        app.get("/healthz").await;

        let page = app.get("/metrics").await;

        let line = r#"trackscribe_http_requests_total{method="GET",route="/healthz",status="200"} "#;
        assert!(page.text().contains(line), "{}", page.text());
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn labels_are_taken_from_fixed_lists(pool: PgPool) {
        let app = TestApp::new(pool).await;
        app.get("/metrics").await;
        let brew = axum::http::Method::from_bytes(b"BREW").unwrap();
        app.request(brew, "/v1/rooms/secret-room-name", &[]).await;
        app.get("/secret-path").await;

        let page = app.get("/metrics").await.text();

        assert!(
            page.contains(r#"{method="other",route="/v1/rooms/{name}",status="405"}"#),
            "{page}"
        );
        assert!(page.contains(r#"{method="GET",route="none",status="404"}"#), "{page}");
        assert!(!page.contains("secret") && !page.contains("BREW"), "{page}");
    }
}
