//! The database, for commands that talk to it directly.

use std::path::PathBuf;

use anyhow::Result;
use boot::secret::SecretSource;
use secrecy::{ExposeSecret, SecretString};
use storage::PgPool;

use crate::setup::EnvFile;

/// A command runs a few statements, one after the other.
const CONNECTIONS: u32 = 2;

/// Where the database is: said directly, or in the `.env` of a data folder.
#[derive(Debug, clap::Args)]
pub struct DatabaseArgs {
    /// PostgreSQL, for example postgres://user:password@host:5432/trackscribe
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<SecretString>,
    /// File that holds it
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    /// Data folder of `trackscribe up`, whose `.env` knows the database
    #[arg(long, env = "TRACKSCRIBE_DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    data_dir: PathBuf,
}

impl DatabaseArgs {
    /// Connects when it is first used.
    pub fn connect(&self) -> Result<PgPool> {
        let url = self.url()?;
        Ok(storage::pool::connect_lazy(
            url.expose_secret(),
            "command",
            CONNECTIONS,
        )?)
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
