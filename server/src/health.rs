//! Whether this process lives, whether it can work, and what it has counted.

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
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::error::{ApiError, ApiResult},
    state::AppState,
};

/// How long one dependency may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The content type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The process lives.
#[derive(Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
}

/// What this process depends on.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    status: ReadinessStatus,
    /// By name: `database`, `store`, `livekit`.
    dependencies: BTreeMap<&'static str, Dependency>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReadinessStatus)]
pub enum ReadinessStatus {
    Ready,
    /// Works, but not all of it: LiveKit or the store is away.
    Degraded,
    /// Nothing works without the database.
    Unavailable,
}

#[derive(Serialize, ToSchema)]
pub struct Dependency {
    status: DependencyStatus,
    latency_ms: u64,
    /// What is wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DependencyStatus)]
pub enum DependencyStatus {
    Ok,
    Failed,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "operating", responses((status = 200, body = Health)))]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether it can work
///
/// 503 only where nothing works, which is without the database. Without LiveKit or the store it answers 200 and
/// `degraded`: webhooks are taken and tokens issued all the same.
#[utoipa::path(
    get, path = "/readyz", tag = "operating",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)),
)]
pub async fn readyz(State(app): State<AppState>) -> (StatusCode, Json<Readiness>) {
    let (database, store, platforms) = tokio::join!(
        check_dependency(storage::pool::ping(&app.pool)),
        check_dependency(ping_store(&app)),
        futures::future::join_all(
            app.platforms
                .iter()
                .map(|p| async { (p.kind().as_str(), check_dependency(p.ping()).await) })
        ),
    );
    let readiness = Readiness::of(database, [("store", store)].into_iter().chain(platforms));
    let code = match readiness.status {
        ReadinessStatus::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ReadinessStatus::Ready | ReadinessStatus::Degraded => StatusCode::OK,
    };
    (code, Json(readiness))
}

/// Counters and gauges for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "operating",
    responses((status = 200, content_type = "text/plain", body = String)),
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

/// Asks the store about an object that never is: that it says so shows that it answers and takes our key.
async fn ping_store(app: &AppState) -> Result<(), objects::ObjectError> {
    let key = ObjectKey::parse(".trackscribe/probe/readyz").expect("the key is one that every store takes");
    match app.objects.head(&key).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// The message alone: its causes can name hosts and users, and anyone may ask.
async fn check_dependency<E: std::fmt::Display>(work: impl Future<Output = Result<(), E>>) -> Dependency {
    let started = Instant::now();
    let error = match tokio::time::timeout(CHECK_TIMEOUT, work).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
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

    /// The status of each dependency, without what depends on the machine.
    fn outline(body: &serde_json::Value) -> String {
        let dependencies = body["dependencies"].as_object().unwrap();
        let lines = dependencies
            .iter()
            .map(|(name, d)| format!("{name} {} {}", d["status"], d["latency_ms"].is_u64()));
        format!("{}\n{}", body["status"], lines.collect::<Vec<_>>().join("\n"))
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn without_livekit_the_server_is_ready_and_says_what_is_away(pool: PgPool) {
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
    async fn without_a_database_the_server_is_not_ready_but_alive() {
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
}
