//! The HTTP endpoints for operators: health and metrics.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use boot::health::{self, Health, HealthCheck, bind};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    config::EgressConfig,
    psrpc::{Bus, BusState},
    session::Sessions,
    spool::{SpaceLevel, Spool},
    upload::Uploader,
};

/// Serves the endpoints whose port is not 0, until `stop` is cancelled.
pub async fn serve(config: &EgressConfig, check: HealthCheck, stop: &CancellationToken) -> anyhow::Result<()> {
    let address = |port| SocketAddr::new(config.trackscribe.bind, port);
    if config.health_port != 0 {
        let listener = bind(address(config.health_port), "health checks (health_port)").await?;
        tokio::spawn(health::serve(listener, health::router(check), stop.clone()));
    }
    if config.prometheus_port != 0 {
        let metrics = boot::prometheus::install().context("cannot collect metrics")?;
        crate::metrics::register();
        let listener = bind(address(config.prometheus_port), "metrics (prometheus_port)").await?;
        tokio::spawn(health::serve(listener, boot::prometheus::router(metrics), stop.clone()));
    }
    Ok(())
}

/// The worker is healthy as long as requests can reach it and audio can be written.
pub fn check(bus: Bus, sessions: Sessions, spool: Spool, uploader: Uploader) -> HealthCheck {
    Arc::new(move || {
        let (space, backlog, redis) = (spool.space(), uploader.backlog(), bus.state());
        Health {
            is_healthy: redis == BusState::Connected && space.level != SpaceLevel::Full,
            details: json!({
                "redis": redis_state(&redis),
                "recordings": sessions.recording(),
                "uploads": backlog.uploads,
                "upload_oldest_s": backlog.oldest.as_secs(),
                "spool": level_name(space.level),
                "spool_free_bytes": space.free_bytes,
                "spool_backlog_bytes": space.backlog_bytes,
                "stopping": sessions.is_stopping(),
            }),
        }
    })
}

fn redis_state(state: &BusState) -> String {
    match state {
        BusState::Connected => "ok".to_owned(),
        BusState::Disconnected(reason) => format!("down: recordings go on, requests and reports wait; {reason}"),
    }
}

fn level_name(level: SpaceLevel) -> &'static str {
    match level {
        SpaceLevel::Enough => "ok",
        SpaceLevel::Low => "low: no new recordings are accepted",
        SpaceLevel::Full => "full: audio waits in memory",
    }
}
