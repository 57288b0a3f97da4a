//! The pages for operators: whether the worker hears its bus, and its figures.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use boot::health::{Health, HealthCheck, bind, router, serve};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{config::EgressConfig, psrpc::Bus, session::Sessions};

/// Listens on the ports that are not 0, until `stop`.
pub async fn serve_pages(config: &EgressConfig, check: HealthCheck, stop: &CancellationToken) -> anyhow::Result<()> {
    let address = |port| SocketAddr::new(config.trackscribe.bind, port);
    if config.health_port != 0 {
        let listener = bind(address(config.health_port), "health checks (health_port)").await?;
        tokio::spawn(serve(listener, router(check), stop.clone()));
    }
    if config.prometheus_port != 0 {
        let metrics = boot::prometheus::install().context("metrics cannot be collected")?;
        let listener = bind(address(config.prometheus_port), "metrics (prometheus_port)").await?;
        tokio::spawn(serve(listener, boot::prometheus::router(metrics), stop.clone()));
    }
    Ok(())
}

/// Healthy as long as requests can reach us.
pub fn check(bus: Bus, sessions: Sessions) -> HealthCheck {
    Arc::new(move || Health {
        is_healthy: bus.is_connected(),
        details: json!({
            "redis": if bus.is_connected() { "ok" } else { "down" },
            "recordings": sessions.running(),
            "stopping": sessions.is_stopping(),
        }),
    })
}
