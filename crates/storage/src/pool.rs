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

/// How long one statement may wait for a lock. PostgreSQL cancels it then. A webhook must be answered within 3 s: it may wait
/// this long for the lock of a room that somebody else changes.
pub const LOCK_TIMEOUT: Duration = Duration::from_millis(1_000);

/// How long one statement may take. No statement outlives a webhook's answer, or holds a room's lock for longer than a
/// webhook may take.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_millis(2_000);

const _: () = assert!(LOCK_TIMEOUT.as_millis() < STATEMENT_TIMEOUT.as_millis());

/// Returns a pool that connects at its first use, so that a process can start before the database.
///
/// Every statement except migrations is limited by [`LOCK_TIMEOUT`] and [`STATEMENT_TIMEOUT`]. `role` becomes part of the
/// `application_name` that PostgreSQL shows.
///
/// # Errors
/// If `url` is not a valid PostgreSQL URL.
pub fn connect_lazy(url: &str, role: &str, max_connections: u32) -> Result<PgPool, StorageError> {
    Ok(lazy_pool(options(url, role)?, max_connections))
}

fn options(url: &str, role: &str) -> Result<PgConnectOptions, StorageError> {
    Ok(url
        .parse::<PgConnectOptions>()?
        .application_name(&format!("trackscribe-{role}"))
        .options([
            (
                "idle_in_transaction_session_timeout",
                IDLE_IN_TRANSACTION_TIMEOUT.to_owned(),
            ),
            ("lock_timeout", format!("{}ms", LOCK_TIMEOUT.as_millis())),
            ("statement_timeout", format!("{}ms", STATEMENT_TIMEOUT.as_millis())),
        ]))
}

fn lazy_pool(options: PgConnectOptions, max_connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .connect_lazy_with(options)
}

/// The migrations; public for the tests of other crates.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Migrates the database to this program's schema. Several processes may do so at once: an advisory lock lets one run the
/// migrations, and the others find nothing to do.
///
/// Migrations have no time limit: they may have to rewrite tables, or wait for another process's migration.
pub async fn migrate(pool: &PgPool) -> Result<(), StorageError> {
    let unlimited = [("lock_timeout", "0"), ("statement_timeout", "0")];
    let one = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(pool.options().get_acquire_timeout())
        .connect_lazy_with((*pool.connect_options()).clone().options(unlimited));
    let migrated = run_migrations(&one).await;
    one.close().await;
    migrated
}

/// A newer program may have applied migrations that this one does not know. They only add, unless `schema_compat` says that
/// programs as old as this one cannot use the schema.
async fn run_migrations(pool: &PgPool) -> Result<(), StorageError> {
    let mut migrator = sqlx::migrate!();
    migrator.set_ignore_missing(true).run(pool).await?;
    let known = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
    let breaks_at = sqlx::query_scalar!("SELECT breaks_at FROM schema_compat")
        .fetch_optional(pool)
        .await?;
    match breaks_at {
        Some(breaks_at) if breaks_at > known => Err(StorageError::ProgramTooOld { breaks_at, known }),
        _ => Ok(()),
    }
}

/// Takes a connection from the pool.
pub async fn acquire(pool: &PgPool) -> Result<PooledConnection, StorageError> {
    Ok(pool.acquire().await?)
}

/// Begins a transaction on a connection from the pool. Dropping it rolls back.
pub async fn begin(pool: &PgPool) -> Result<PgTransaction<'static>, StorageError> {
    Ok(pool.begin().await?)
}

/// Begins a transaction that only reads, and sees the database as it was at its first statement.
pub async fn begin_snapshot(pool: &PgPool) -> Result<PgTransaction<'static>, StorageError> {
    Ok(pool
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await?)
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

    #[sqlx::test]
    async fn a_statement_that_waits_or_works_for_too_long_ends_as_transient(pool: PgPool) {
        use sqlx::ConnectOptions;
        let url = pool.connect_options().to_url_lossy().to_string();
        let limited = connect_lazy(&url, "test", 2).unwrap();
        let mut holder = begin(&pool).await.unwrap();
        sqlx::query("LOCK TABLE jobs").execute(&mut *holder).await.unwrap();

        let waited = sqlx::query("SELECT 1 FROM jobs").execute(&limited).await;

        let asleep = sqlx::query("SELECT pg_sleep(60)").execute(&limited).await;

        for error in [waited, asleep].map(|result| StorageError::from(result.unwrap_err())) {
            assert!(error.is_transient(), "{error}");
        }
        migrate(&limited).await.unwrap();
    }

    const FROM_A_NEWER_PROGRAM: &str =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9001, 'from a newer program', TRUE, 'x', 1)";

    #[sqlx::test]
    async fn a_newer_schema_is_served_until_it_breaks_this_program(pool: PgPool) {
        sqlx::query(FROM_A_NEWER_PROGRAM).execute(&pool).await.unwrap();

        let added = migrate(&pool).await;
        sqlx::query("UPDATE schema_compat SET breaks_at = 9001")
            .execute(&pool)
            .await
            .unwrap();
        let broken = migrate(&pool).await.unwrap_err();

        assert!(added.is_ok(), "{added:?}");
        assert!(!broken.is_transient());
        assert!(broken.to_string().contains("newer version"), "{broken}");
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
