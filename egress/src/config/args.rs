//! The command-line arguments and environment variables of the configuration.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

/// The source of the configuration, and values that override it. Flattened into the command line of `egress`.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// Configuration file
    #[arg(long, env = "EGRESS_CONFIG_FILE", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Configuration as YAML text; overrides the file
    #[arg(long, env = "EGRESS_CONFIG_BODY", value_name = "YAML", hide_env_values = true)]
    pub config_body: Option<SecretString>,
    /// API key of livekit-server; overrides `api_key` of the configuration
    #[arg(long, env = "LIVEKIT_API_KEY", value_name = "KEY")]
    pub api_key: Option<String>,
    /// Secret of the API key; from the environment only, because other users can see arguments
    #[arg(
        long,
        env = "LIVEKIT_API_SECRET",
        value_name = "SECRET",
        hide = true,
        hide_env_values = true
    )]
    pub api_secret: Option<SecretString>,
    /// File that contains the secret
    #[arg(long, env = "LIVEKIT_API_SECRET_FILE", value_name = "FILE")]
    pub api_secret_file: Option<PathBuf>,
    /// URL of livekit-server's signalling endpoint; overrides `ws_url` of the configuration
    #[arg(long, env = "LIVEKIT_WS_URL", value_name = "URL")]
    pub ws_url: Option<String>,
}
