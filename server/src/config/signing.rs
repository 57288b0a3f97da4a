//! The secrets of the tokens that the server signs itself.

use std::path::PathBuf;

use boot::{config::ConfigErrors, secret::SecretSource};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use crate::tokens::MIN_SECRET_CHARS;

/// Name of the setting, for messages.
pub const SIGNING_SECRET: &str = "TRACKSCRIBE_SIGNING_SECRET";

/// Command-line arguments and variables of signing.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct SigningArgs {
    /// Secret that signs participants' tokens, at least 32 characters, the same for all servers. Several can be given, separated by commas: the first signs, and all are accepted. Without it, join tokens cannot be refreshed
    #[arg(
        long,
        env = "TRACKSCRIBE_SIGNING_SECRET",
        hide_env_values = true,
        hide = true,
        value_name = "SECRETS"
    )]
    pub signing_secret: Option<SecretString>,
    /// File with the secret that signs participants' tokens
    #[arg(long, env = "TRACKSCRIBE_SIGNING_SECRET_FILE", value_name = "FILE")]
    pub signing_secret_file: Option<PathBuf>,
}

impl SigningArgs {
    pub(super) fn check(&self, errors: &mut ConfigErrors) -> Vec<SecretString> {
        let source = SecretSource {
            name: SIGNING_SECRET,
            value: self.signing_secret.as_ref(),
            file: self.signing_secret_file.as_deref(),
        };
        let Some(Some(given)) = errors.ok(source.optional()) else {
            return Vec::new();
        };
        let secrets: Vec<&str> = given.expose_secret().split(',').map(str::trim).collect();
        if secrets.iter().any(|secret| secret.chars().count() < MIN_SECRET_CHARS) {
            errors.add(format!(
                "{SIGNING_SECRET}: each secret must have at least {MIN_SECRET_CHARS} characters"
            ));
        }
        secrets.into_iter().map(SecretString::from).collect()
    }
}
