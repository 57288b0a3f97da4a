//! Where the configuration comes from.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

/// Where the configuration stands; flattened into the command line of `egress`.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// File with the configuration
    #[arg(long, env = "EGRESS_CONFIG_FILE", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The configuration itself; wins over the file
    #[arg(long, env = "EGRESS_CONFIG_BODY", value_name = "YAML", hide_env_values = true)]
    pub config_body: Option<SecretString>,
    /// API key of livekit-server; wins over `api_key` in the file
    #[arg(long, env = "LIVEKIT_API_KEY", value_name = "KEY")]
    pub api_key: Option<String>,
    /// Secret of that key; from the environment only, an argument is seen by all
    #[arg(
        long,
        env = "LIVEKIT_API_SECRET",
        value_name = "SECRET",
        hide = true,
        hide_env_values = true
    )]
    pub api_secret: Option<SecretString>,
    /// File that holds the secret
    #[arg(long, env = "LIVEKIT_API_SECRET_FILE", value_name = "FILE")]
    pub api_secret_file: Option<PathBuf>,
    /// Where livekit-server's signalling is; wins over `ws_url` in the file
    #[arg(long, env = "LIVEKIT_WS_URL", value_name = "URL")]
    pub ws_url: Option<String>,
}
