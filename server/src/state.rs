//! What every handler may touch.

use std::sync::Arc;

use chrono::{SubsecRound, Utc};
use domain::{
    clock::{Clock, IdSource},
    event::PlatformKind,
};
use objects::Objects;
use storage::{PgPool, PgTransaction, PooledConnection, StorageError};
use uuid::Uuid;

use platform::Platforms;

use crate::limits::Limits;

/// Digits of a second that the database keeps; a time is the same before and after it was there.
const DATABASE_DIGITS: u16 = 6;

#[derive(Clone)]
pub struct AppState {
    pub pool: PgPool,
    pub platforms: Platforms,
    pub objects: Objects,
    pub clock: Clock,
    pub ids: IdSource,
    pub limits: Limits,
    pub options: Arc<Options>,
}

impl AppState {
    /// Takes a connection from the pool.
    pub async fn conn(&self) -> Result<PooledConnection, StorageError> {
        storage::pool::acquire(&self.pool).await
    }

    /// Begins a transaction. Dropping it rolls back; `storage::pool::commit` commits.
    pub async fn begin(&self) -> Result<PgTransaction<'static>, StorageError> {
        storage::pool::begin(&self.pool).await
    }
}

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct Options {
    /// For rooms that name no platform.
    pub default_platform: PlatformKind,
    /// Whether a platform room that is not ours becomes a room of ours.
    pub adopt_rooms: bool,
}

/// The time of this machine.
pub fn system_clock() -> Clock {
    Arc::new(|| Utc::now().trunc_subsecs(DATABASE_DIGITS))
}

/// Ids that nobody can foresee, in the order of their making.
pub fn random_ids() -> IdSource {
    Arc::new(Uuid::now_v7)
}
