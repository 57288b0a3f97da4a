//! Sources of time and of new ids: real ones in services, seeded ones in tests.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Returns the current time for records, in UTC. `Arc::new(Utc::now)` in production.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Returns a new id at each call, ordered by time (UUIDv7). `Arc::new(Uuid::now_v7)` in production.
pub type IdSource = Arc<dyn Fn() -> Uuid + Send + Sync>;
