//! Everything that jobs and reconcilers use.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::clock::{Clock, IdSource};
use domain::meeting::Env;
use objects::Objects;
use platform::Platforms;
use storage::{PgPool, PgTransaction, PooledConnection, StorageError, meetings::Adopt};

use crate::{
    engine::Engine,
    reconcile::{Beats, EndLimits, LastLooks, Vacancies},
};

/// Connections, stores, platforms, engine and clock. Clones share them.
#[derive(Clone)]
pub struct WorkerContext {
    pub pool: PgPool,
    pub recordings: Objects,
    pub transcripts: Objects,
    pub platforms: Platforms,
    /// `None` if this worker does not transcribe; the queue is then left to other workers. One that is missing or down is
    /// an outage of the jobs that need it.
    pub engine: Option<Arc<dyn Engine>>,
    pub clock: Clock,
    pub ids: IdSource,
    /// Which recorders are alive, as seen by this process.
    pub beats: Arc<Beats>,
    /// Since when people are missing in live rooms, as seen by this process.
    pub vacancies: Arc<Vacancies>,
    /// When this process last looked for platform rooms that nobody knows.
    pub leftovers: Arc<LastLooks>,
    /// When rooms are ended that their platform would let go on.
    pub end_limits: EndLimits,
    /// Whether to create a room for every platform room that has none.
    pub adopt_rooms: bool,
    pub kept: Kept,
}

/// How long rows are kept that are needed no more.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Webhooks that were judged.
    pub events: TimeDelta,
    /// Jobs that are done. Dead ones are kept for ever: an operator may start them again.
    pub jobs: TimeDelta,
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

    /// Returns what to do with platform rooms that have no room of ours.
    pub fn adopt(&self) -> Adopt {
        match self.adopt_rooms {
            true => Adopt::As {
                id: (self.ids)().into(),
                now: (self.clock)(),
            },
            false => Adopt::Never,
        }
    }

    /// Returns the time and a source of ids, for a change of a meeting.
    pub fn env(&self) -> Env<'_> {
        Env {
            now: (self.clock)(),
            ids: &self.ids,
        }
    }
}
