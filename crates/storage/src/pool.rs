//! The connection pool, transactions and migrations.

use std::time::Duration;

use sqlx::{
    PgPool, PgTransaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{PooledConnection, StorageError};

/// How long a caller waits for a connection before the database counts as too busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that were idle for this long are closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// PostgreSQL ends a transaction that is idle for this long, so that a hung process cannot keep a room's row locked.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "60s";

/// Returns a pool that connects at its first use, so that a process can start before the database.
///
/// `role` becomes part of the `application_name` that PostgreSQL shows.
///
/// # Errors
/// If `url` is not a valid PostgreSQL URL.
pub fn connect_lazy(url: &str, role: &str, max_connections: u32) -> Result<PgPool, StorageError> {
    let options = url
        .parse::<PgConnectOptions>()?
        .application_name(&format!("trackscribe-{role}"))
        .options([("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT)]);
    Ok(PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .connect_lazy_with(options))
}

/// The migrations; public for the tests of other crates.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Migrates the database to this program's schema. Several processes may do so at once: an advisory lock lets one run the
/// migrations, and the others find nothing to do.
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

/// Checks that the database responds.
pub async fn ping(pool: &PgPool) -> Result<(), StorageError> {
    sqlx::query!("SELECT 1 AS one").fetch_one(pool).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[sqlx::test(migrations = false)]
    async fn several_processes_may_migrate_at_once(pool: PgPool) {
        let processes = [(); 4].map(|()| migrate(&pool));

        let results = join_all(processes).await;

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
    async fn an_unreachable_database_is_a_transient_error() {
        let timeout = Duration::from_millis(50);
        let nowhere = PgPoolOptions::new()
            .acquire_timeout(timeout)
            .connect_lazy("postgres://nobody@127.0.0.1:9/none");

        let error = migrate(&nowhere.unwrap()).await.unwrap_err();

        assert!(error.is_transient(), "{error:?}");
    }
}
