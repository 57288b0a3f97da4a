//! Settings of the database connection.

use std::{num::NonZeroU32, path::PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::ConfigErrors;
use crate::secret::SecretSource;

/// Command-line arguments and variables of the database.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct DatabaseArgs {
    /// PostgreSQL URL, for example postgres://user:password@host:5432/trackscribe
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<SecretString>,
    /// File with the PostgreSQL URL
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// Maximum number of connections to PostgreSQL
    #[arg(
        long,
        env = "TRACKSCRIBE_DATABASE_CONNECTIONS",
        default_value = "20",
        value_name = "N"
    )]
    pub database_connections: NonZeroU32,
}

impl DatabaseArgs {
    /// Returns the database's URL, or adds an error.
    pub fn check(&self, errors: &mut ConfigErrors) -> Option<SecretString> {
        let source = SecretSource {
            name: "DATABASE_URL",
            value: self.database_url.as_ref(),
            file: self.database_url_file.as_deref(),
        };
        let url = errors.ok(source.required())?;
        if !is_postgres(&url) {
            errors.add(
                "DATABASE_URL is not a valid PostgreSQL URL; example: postgres://user:password@host:5432/trackscribe",
            );
            return None;
        }
        Some(url)
    }
}

/// Checks only the scheme. The URL itself must not appear in messages, because it contains a password.
fn is_postgres(url: &SecretString) -> bool {
    let scheme = url.expose_secret().split_once("://").map(|(scheme, _)| scheme);
    matches!(scheme, Some("postgres" | "postgresql"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(url: &str) -> DatabaseArgs {
        DatabaseArgs {
            database_url: Some(SecretString::from(url)),
            database_url_file: None,
            database_connections: NonZeroU32::MIN,
        }
    }

    #[test]
    fn another_databases_url_is_rejected_without_showing_its_password() {
        let mut errors = ConfigErrors::default();

        let url = args("mysql://root:hush@localhost/trackscribe").check(&mut errors);

        let message = errors.into_error("the settings").to_string();
        assert!(url.is_none());
        assert!(
            message.contains("DATABASE_URL") && !message.contains("hush"),
            "{message}"
        );
    }

    #[test]
    fn both_postgresql_schemes_are_accepted() {
        for good in ["postgres://localhost/x", "postgresql://user:word@host:5432/x"] {
            assert!(args(good).check(&mut ConfigErrors::default()).is_some(), "{good}");
        }
    }
}
