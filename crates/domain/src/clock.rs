//! Where the time and new ids come from: the shells pass the real sources, tests pass seeded ones.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Tells the time of records, UTC. `Arc::new(Utc::now)` in production.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Makes a new id for each call, ordered by time. `Arc::new(Uuid::now_v7)` in production.
pub type IdSource = Arc<dyn Fn() -> Uuid + Send + Sync>;
