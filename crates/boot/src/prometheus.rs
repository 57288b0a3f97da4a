//! The metrics endpoint for Prometheus. Metrics are defined where they are recorded, by the `metrics` macros.

use std::{sync::OnceLock, time::Duration};

use axum::{Router, http::header, routing::get};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// How often the recorder drains the samples of histograms. Without this they grow between scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Bucket bounds of histograms whose name ends in `_seconds`: from a fast query to a long transcription.
const SECONDS_BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0,
];

/// Content type of the Prometheus text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the metrics recorder of this process. Later calls return the same handle, so that several roles or tests can
/// share a process. Must be called inside a tokio runtime.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    if let Some(handle) = RECORDER.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS_BUCKETS)?
        .install_recorder()?;
    let handle = RECORDER.get_or_init(|| handle).clone();
    std::thread::Builder::new()
        .name("metrics-upkeep".into())
        .spawn(upkeep)
        .ok();
    Ok(handle)
}

/// Serves `GET /metrics`.
pub fn router(handle: PrometheusHandle) -> Router {
    Router::new().route(
        "/metrics",
        get(move || async move { ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], handle.render()) }),
    )
}

/// Runs on a thread rather than in a task, because the recorder outlives any runtime.
fn upkeep() {
    while let Some(handle) = RECORDER.get() {
        std::thread::sleep(UPKEEP_INTERVAL);
        handle.run_upkeep();
    }
}
