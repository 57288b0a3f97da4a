//! The database connection of commands that use it directly.

use std::path::PathBuf;

use anyhow::Result;
use boot::secret::SecretSource;
use secrecy::{ExposeSecret, SecretString};
use storage::PgPool;

use crate::setup::EnvFile;

/// Commands run a few statements, one after the other.
const CONNECTIONS: u32 = 2;

/// Where the database is: set directly, or in the `.env` of a data folder.
#[derive(Debug, clap::Args)]
pub struct DatabaseArgs {
    /// URL of the database, for example postgres://user:password@host:5432/trackscribe
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<SecretString>,
    /// File with the URL of the database
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    /// Data folder of `trackscribe up`; its `.env` is read if no URL is set
    #[arg(long, env = "TRACKSCRIBE_DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    data_dir: PathBuf,
}

impl DatabaseArgs {
    /// Runs `work` with a pool that connects on first use, and closes it.
    pub async fn with_pool(&self, work: impl AsyncFnOnce(&PgPool) -> Result<()>) -> Result<()> {
        let url = self.url()?;
        let pool = storage::pool::connect_lazy(url.expose_secret(), "command", CONNECTIONS)?;
        let outcome = work(&pool).await;
        pool.close().await;
        outcome
    }

    fn url(&self) -> Result<SecretString> {
        let (value, file) = (self.database_url.as_ref(), self.database_url_file.as_deref());
        let source = SecretSource {
            name: "DATABASE_URL",
            value,
            file,
        };
        if let Some(url) = source.optional()? {
            return Ok(url);
        }
        match EnvFile::read(&self.data_dir.join(".env"))?.secret("DATABASE_URL") {
            Some(url) => Ok(url),
            None => Ok(source.required()?),
        }
    }
}
