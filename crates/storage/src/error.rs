//! Storage errors.

use std::borrow::Cow;

use sqlx::error::{DatabaseError, ErrorKind};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// SQLSTATE classes of transient errors: connection, insufficient resources, operator intervention.
const TRANSIENT_CLASSES: [&str; 3] = ["08", "53", "57"];

/// SQLSTATE codes of conflicts with another transaction: serialization failure, deadlock, lock not available.
const TRANSIENT_CODES: [&str; 3] = ["40001", "40P01", "55P03"];

/// Why a statement, a connection or a migration failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error(
        "cannot reach the database, or it is too busy; check that PostgreSQL runs and that DATABASE_URL is correct"
    )]
    Unavailable(#[source] sqlx::Error),
    /// A unique key is taken. `constraint` is its name in the migrations.
    #[error("a row with this value of {constraint} already exists")]
    Taken { constraint: String },
    /// A column contains an invalid value: the schema differs from this program's, or the row was edited by hand.
    #[error("cannot read {table}.{column} of {id}")]
    Row {
        table: &'static str,
        column: &'static str,
        id: String,
        #[source]
        why: BoxError,
    },
    #[error("cannot migrate the database to this program's schema")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    #[error(
        "the database's schema needs a newer version of this program: migration {breaks_at} breaks programs that know \
         only those up to {known}"
    )]
    ProgramTooOld { breaks_at: i64, known: i64 },
    #[error("the database rejected a statement")]
    Refused(#[source] sqlx::Error),
}

impl StorageError {
    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Migrate(sqlx::migrate::MigrateError::Execute(error)) => is_transient(error),
            Self::Taken { .. }
            | Self::Row { .. }
            | Self::Migrate(_)
            | Self::ProgramTooOld { .. }
            | Self::Refused(_) => false,
        }
    }

    /// Whether the unique key `name` is taken.
    pub fn is_taken(&self, name: &str) -> bool {
        matches!(self, Self::Taken { constraint } if constraint == name)
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        if is_transient(&error) {
            return Self::Unavailable(error);
        }
        match error
            .as_database_error()
            .filter(|e| e.kind() == ErrorKind::UniqueViolation)
        {
            Some(taken) => Self::Taken {
                constraint: taken.constraint().unwrap_or("a unique key").to_owned(),
            },
            None => Self::Refused(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StorageError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migrate(error)
    }
}

fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => code_is_transient(error.as_ref()),
        _ => false,
    }
}

fn code_is_transient(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or(Cow::Borrowed(""));
    TRANSIENT_CODES.contains(&code.as_ref()) || TRANSIENT_CLASSES.iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, PgPool};

    use super::*;

    async fn raise(pool: &PgPool, code: &str) -> StorageError {
        let sql = format!("DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '{code}'; END $$");
        sqlx::query(AssertSqlSafe(sql)).execute(pool).await.unwrap_err().into()
    }

    #[sqlx::test]
    async fn connection_and_conflict_errors_are_transient(pool: PgPool) {
        for code in ["40001", "40P01", "55P03", "08006", "53300", "57P01", "57014"] {
            assert!(raise(&pool, code).await.is_transient(), "{code}");
        }
        for code in ["23514", "42601", "22P02", "XX000"] {
            assert!(!raise(&pool, code).await.is_transient(), "{code}");
        }
    }

    #[sqlx::test]
    async fn a_closed_pool_is_a_transient_error(pool: PgPool) {
        pool.close().await;

        let error: StorageError = pool.acquire().await.map(drop).unwrap_err().into();

        assert!(error.is_transient(), "{error}");
    }
}
