//! A database for one test, on the shared PostgreSQL.

use std::{env, future::Future, thread};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

/// Address of the shared PostgreSQL; set by `scripts/test.sh`.
const VARIABLE: &str = "DATABASE_URL";

/// A database that is empty until a program under test migrates it. Deleted when this is dropped.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    admin_url: String,
}

/// A job that is not done.
#[derive(Debug)]
pub struct OpenJob {
    pub queue: String,
    pub state: String,
    pub attempt: i32,
    pub error: Option<String>,
}

impl Database {
    /// # Panics
    /// When `DATABASE_URL` is not set, or its user must not create databases.
    pub async fn create() -> Self {
        let admin_url = env::var(VARIABLE).unwrap_or_else(|_| {
            panic!("{VARIABLE} is not set; run scripts/test.sh, or set it to a PostgreSQL for tests")
        });
        let name = format!("e2e_{}", hex::encode(rand::random::<[u8; 8]>()));
        let url = with_name(&admin_url, &name);
        // The default template cannot be copied while another connection uses it.
        execute(&admin_url, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Self { name, url, admin_url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connects to the database, for what the API does not show.
    ///
    /// # Panics
    /// When PostgreSQL does not answer.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("PostgreSQL answers")
    }

    /// Lists the jobs that are ready, running or dead. Empty if the database was not migrated.
    pub async fn open_jobs(&self) -> Vec<OpenJob> {
        let sql = "SELECT queue, state, attempt, error FROM jobs WHERE state <> 'done' ORDER BY created_at";
        let rows = sqlx::query(sql)
            .fetch_all(&mut self.connect().await)
            .await
            .unwrap_or_default();
        let job = |row: sqlx::postgres::PgRow| OpenJob {
            queue: row.get("queue"),
            state: row.get("state"),
            attempt: row.get("attempt"),
            error: row.get("error"),
        };
        rows.into_iter().map(job).collect()
    }

    /// [`open_jobs`](Self::open_jobs) for `drop`, where `await` is not possible.
    pub fn open_jobs_blocking(&self) -> Vec<OpenJob> {
        block_on(self.open_jobs())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        block_on(execute(&self.admin_url, &sql));
    }
}

/// Runs a future on a new thread, because the caller's thread may already run a runtime.
fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be created").block_on(future)
    };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn execute(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url)
        .await
        .expect("PostgreSQL answers at DATABASE_URL");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .expect("the user of DATABASE_URL may create databases");
}

/// Replaces the database in an address and keeps its `?options`.
fn with_name(url: &str, name: &str) -> String {
    let (address, options) = url
        .split_once('?')
        .map_or((url, None), |(address, options)| (address, Some(options)));
    let server = address.rsplit_once('/').map_or(address, |(server, _)| server);
    options.map_or_else(
        || format!("{server}/{name}"),
        |options| format!("{server}/{name}?{options}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_the_database_is_replaced() {
        assert_eq!(
            with_name("postgres://u:p@h:5432/postgres", "x"),
            "postgres://u:p@h:5432/x"
        );
        assert_eq!(
            with_name("postgres://u@h/postgres?sslmode=disable", "x"),
            "postgres://u@h/x?sslmode=disable"
        );
    }
}
