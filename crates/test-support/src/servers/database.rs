//! A database of a test's own on the shared PostgreSQL.

use std::{env, future::Future, thread};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

/// Where `scripts/test.sh` says that PostgreSQL is.
const VARIABLE: &str = "DATABASE_URL";

/// Empty at first: the programs under test migrate it. Dropped with everything in it.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    admin_url: String,
}

/// A job that is not done, as the test's failure shows it.
#[derive(Debug)]
pub struct OpenJob {
    pub queue: String,
    pub state: String,
    pub attempt: i32,
    pub error: Option<String>,
}

impl Database {
    /// # Panics
    /// When `DATABASE_URL` is not set, or its user may create no database.
    pub async fn create() -> Self {
        let admin_url = env::var(VARIABLE).unwrap_or_else(|_| {
            panic!("{VARIABLE} is not set: run scripts/test.sh, or set it to a PostgreSQL that may be written to")
        });
        let name = format!("e2e_{}", hex::encode(rand::random::<[u8; 8]>()));
        let url = with_name(&admin_url, &name);
        // The usual template cannot be copied while anybody is connected to it.
        run(&admin_url, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Self { name, url, admin_url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection to look behind the API where it shows nothing.
    ///
    /// # Panics
    /// When PostgreSQL does not answer.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("PostgreSQL answers")
    }

    /// Jobs that still wait, run, or were given up; none in a database that nobody has migrated.
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
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        block_on(run(&self.admin_url, &sql));
    }
}

/// Runs a future where no `await` is possible: in `drop`.
pub(super) fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be made").block_on(future)
    };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn run(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url)
        .await
        .expect("PostgreSQL answers at DATABASE_URL");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .expect("its user may create databases");
}

/// The address with another database; `?options` stay.
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
    fn the_name_of_the_database_is_replaced_and_nothing_else() {
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
