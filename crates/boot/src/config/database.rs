//! Where the database is.

use std::{num::NonZeroU32, path::PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::ConfigErrors;
use crate::secret::SecretSource;

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct DatabaseArgs {
    /// PostgreSQL, for example postgres://user:password@host:5432/trackscribe
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<SecretString>,
    /// File that holds it
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// Connections to PostgreSQL at most
    #[arg(
        long,
        env = "TRACKSCRIBE_DATABASE_CONNECTIONS",
        default_value = "20",
        value_name = "N"
    )]
    pub database_connections: NonZeroU32,
}

impl DatabaseArgs {
    /// The database's address, or one problem more.
    pub fn check(&self, errors: &mut ConfigErrors) -> Option<SecretString> {
        let source = SecretSource {
            name: "DATABASE_URL",
            value: self.database_url.as_ref(),
            file: self.database_url_file.as_deref(),
        };
        let url = errors.ok(source.required())?;
        if !is_postgres(&url) {
            errors.add(
                "DATABASE_URL is no address of PostgreSQL; an example: postgres://user:password@host:5432/trackscribe",
            );
            return None;
        }
        Some(url)
    }
}

/// Looks at the scheme alone, and says nothing of the rest: it holds a password.
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
    fn another_database_is_refused_without_showing_its_password() {
        let mut errors = ConfigErrors::default();

        let url = args("mysql://root:hush@localhost/trackscribe").check(&mut errors);

        let complaint = errors.into_error("the settings").to_string();
        assert!(url.is_none());
        assert!(
            complaint.contains("DATABASE_URL") && !complaint.contains("hush"),
            "{complaint}"
        );
    }

    #[test]
    fn both_names_of_postgresql_are_known() {
        for good in ["postgres://localhost/x", "postgresql://user:word@host:5432/x"] {
            assert!(args(good).check(&mut ConfigErrors::default()).is_some(), "{good}");
        }
    }
}
