//! Everything that a job may touch.

use std::sync::Arc;

use domain::clock::{Clock, IdSource};
use domain::meeting::Source;
use objects::Objects;
use platform::Platforms;
use storage::{PgPool, PgTransaction, PooledConnection, StorageError};

use crate::engine::Engine;

/// What jobs and reconcilers work with. Clones share it.
#[derive(Clone)]
pub struct WorkerContext {
    pub pool: PgPool,
    pub recordings: Objects,
    pub transcripts: Objects,
    pub platforms: Platforms,
    /// `None` where this worker transcribes nothing; its queue is left to others then.
    pub engine: Option<Arc<dyn Engine>>,
    pub clock: Clock,
    pub ids: IdSource,
    /// Make rooms of platform rooms that are not ours.
    pub adopt_rooms: bool,
}

impl WorkerContext {
    /// Takes a connection from the pool.
    pub async fn conn(&self) -> Result<PooledConnection, StorageError> {
        storage::pool::acquire(&self.pool).await
    }

    /// Begins a transaction. Dropping it rolls back; `storage::pool::commit` commits.
    pub async fn begin(&self) -> Result<PgTransaction<'static>, StorageError> {
        storage::pool::begin(&self.pool).await
    }

    /// What a change of a meeting takes from outside.
    pub fn source(&self) -> Source<'_> {
        Source {
            now: (self.clock)(),
            ids: &self.ids,
        }
    }
}
