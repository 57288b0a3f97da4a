//! Errors in the configuration.

use std::io;

/// Why a configuration cannot be used. The message names the key and what to write there, and never contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("no configuration: pass --config FILE, or set EGRESS_CONFIG_FILE or EGRESS_CONFIG_BODY")]
    None,
    #[error("cannot read the configuration file {path}")]
    Unreadable { path: String, source: io::Error },
    #[error("the configuration is not valid YAML; compare it with egress.yaml in the repository")]
    Yaml(#[from] serde_norway::Error),
    #[error("the configuration is not a mapping; it must consist of lines such as `ws_url: ws://127.0.0.1:7880`")]
    NotAMapping,
    #[error("{key} is missing; for example `{example}`")]
    Missing { key: String, example: String },
    #[error("{key} is missing; add it to the configuration, or set {variable}")]
    Unset { key: &'static str, variable: &'static str },
    #[error("{key} must be {expected}; for example `{example}`")]
    Value {
        key: String,
        expected: &'static str,
        example: String,
    },
    #[error("{key} is not supported; {remedy}")]
    Unsupported { key: String, remedy: &'static str },
    #[error("{new} and {old} are both set; remove one of them")]
    Both { new: &'static str, old: &'static str },
    #[error(transparent)]
    Secret(#[from] boot::SecretError),
}
