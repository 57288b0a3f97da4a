//! Keeps a store free of what interrupted writes leave.

use std::{convert::Infallible, time::Duration};

use tokio::time::sleep;

use crate::ObjectStore;

/// How often the store is swept.
const INTERVAL: Duration = Duration::from_secs(3600);

/// The age at which a temporary file of the store is certainly left over: a write that goes on changes it.
const LEFT_OVER_AFTER: Duration = Duration::from_secs(3600);

/// Sweeps the store now and every hour. Any number of processes may do so at the same time.
pub async fn run(store: &dyn ObjectStore) -> Infallible {
    loop {
        match store.sweep(LEFT_OVER_AFTER).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "deleted temporary files of interrupted writes from the store"),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "cannot sweep the store"),
        }
        sleep(INTERVAL).await;
    }
}
