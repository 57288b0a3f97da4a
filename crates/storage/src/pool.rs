//! Connections, and the schema they find.

use std::time::Duration;

use sqlx::{
    PgPool, PgTransaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{PooledConnection, StorageError};

/// How long a caller waits for a connection before it is told that the database is too busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that nobody used for so long are closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// A transaction that its process forgot is ended by the server, so that it cannot hold a meeting's row for ever.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "60s";

/// A pool that connects when it is first used, so that a process starts while the database is away.
///
/// `role` is what the database's administrator sees as `application_name`.
pub fn connect_lazy(url: &str, role: &str, max_connections: u32) -> Result<PgPool, StorageError> {
    let options: PgConnectOptions = url.parse().map_err(StorageError::from)?;
    let options = options
        .application_name(&format!("trackscribe-{role}"))
        .options([("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT)]);
    Ok(PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .connect_lazy_with(options))
}

/// The schema, step by step; for tests of other crates, too.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Brings the database to this program's schema. Several processes may start at once: an advisory lock lets one work,
/// the others then find nothing to do.
pub async fn migrate(pool: &PgPool) -> Result<(), StorageError> {
    MIGRATOR.run(pool).await?;
    Ok(())
}

/// Takes a connection from the pool.
pub async fn acquire(pool: &PgPool) -> Result<PooledConnection, StorageError> {
    Ok(pool.acquire().await?)
}

/// Begins a transaction on a connection from the pool. Dropping it rolls back.
pub async fn begin(pool: &PgPool) -> Result<PgTransaction<'static>, StorageError> {
    Ok(pool.begin().await?)
}

/// Commits a transaction.
pub async fn commit(tx: PgTransaction<'_>) -> Result<(), StorageError> {
    Ok(tx.commit().await?)
}

/// Whether the database answers.
pub async fn ping(pool: &PgPool) -> Result<(), StorageError> {
    sqlx::query!("SELECT 1 AS one").fetch_one(pool).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[sqlx::test(migrations = false)]
    async fn several_servers_may_migrate_at_once(pool: PgPool) {
        let servers = [(); 4].map(|()| migrate(&pool));

        let results = join_all(servers).await;

        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let applied = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM _sqlx_migrations")
            .fetch_one(&pool)
            .await;
        assert_eq!(applied.unwrap(), MIGRATOR.iter().count() as i64);
    }

    #[sqlx::test]
    async fn migrating_again_changes_nothing(pool: PgPool) {
        migrate(&pool).await.unwrap();

        ping(&pool).await.unwrap();
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_yet_is_worth_waiting_for() {
        let soon = Duration::from_millis(50);
        let nowhere = PgPoolOptions::new()
            .acquire_timeout(soon)
            .connect_lazy("postgres://nobody@127.0.0.1:9/none");

        let error = migrate(&nowhere.unwrap()).await.unwrap_err();

        assert!(error.is_transient(), "{error:?}");
    }
}
