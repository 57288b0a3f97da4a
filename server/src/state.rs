//! The state shared by all handlers.

use std::sync::Arc;

use chrono::{SubsecRound, Utc};
use domain::{
    clock::{Clock, IdSource},
    endpoint::NetworkPolicy,
    event::PlatformKind,
};
use objects::Objects;
use storage::{PgPool, PgTransaction, PooledConnection, StorageError};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use platform::{Platform, Platforms};

use crate::{
    api::{error::ApiError, events::Feed},
    health::Latest,
    limits::Limits,
    signalling::SignalProxy,
    tokens::Signer,
};

/// Decimal places of a second that PostgreSQL stores, so that a time read back equals the one written.
const DATABASE_DIGITS: u16 = 6;

/// What every handler can use.
#[derive(Clone)]
pub struct AppState {
    pub pool: PgPool,
    pub platforms: Platforms,
    pub objects: Objects,
    pub clock: Clock,
    pub ids: IdSource,
    pub limits: Limits,
    pub feed: Feed,
    /// Signs and verifies participants' tokens.
    pub signer: Signer,
    pub options: Arc<Options>,
    pub readiness: Arc<Latest>,
    /// Work that outlives its request. The server stops when it is done.
    pub tasks: TaskTracker,
    /// LiveKit's signalling through this server; `None` without LiveKit.
    pub signalling: Option<SignalProxy>,
}

impl AppState {
    /// Takes a connection from the pool.
    pub async fn conn(&self) -> Result<PooledConnection, StorageError> {
        storage::pool::acquire(&self.pool).await
    }

    /// Returns the adapter of a platform.
    ///
    /// # Errors
    /// A conflict if the platform is not configured.
    pub fn platform(&self, kind: PlatformKind) -> Result<&Arc<dyn Platform>, ApiError> {
        let not_configured = || ApiError::Conflict(format!("the platform {kind} is not configured on this server"));
        self.platforms.get(kind).ok_or_else(not_configured)
    }

    /// Begins a transaction. Dropping it rolls back; `storage::pool::commit` commits.
    pub async fn begin(&self) -> Result<PgTransaction<'static>, StorageError> {
        storage::pool::begin(&self.pool).await
    }
}

/// The operator's choices.
#[derive(Clone, Debug)]
pub struct Options {
    /// Platform of rooms that are created without one.
    pub default_platform: PlatformKind,
    /// Whether an unknown platform room is added as a room with default settings.
    pub adopt_rooms: bool,
    /// Where webhook endpoints may be.
    pub webhook_networks: NetworkPolicy,
}

/// Returns the system clock, truncated to the precision of the database.
pub fn system_clock() -> Clock {
    Arc::new(|| Utc::now().trunc_subsecs(DATABASE_DIGITS))
}

/// Returns a source of random UUIDs that sort by creation time (UUIDv7).
pub fn random_ids() -> IdSource {
    Arc::new(Uuid::now_v7)
}
