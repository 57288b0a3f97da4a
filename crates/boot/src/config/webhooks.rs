//! Settings of outgoing webhooks.

use clap::Args;
use ipnet::IpNet;

/// Command-line arguments and variables about where messages to customers may be sent.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct WebhookArgs {
    /// Private networks that webhook endpoints may be in, separated by commas, for example 10.1.0.0/16. Anybody with an API
    /// key of the scope `write` can make Trackscribe call every service in them
    #[arg(
        long = "webhook-networks",
        env = "TRACKSCRIBE_WEBHOOK_NETWORKS",
        value_delimiter = ',',
        value_name = "NETWORKS"
    )]
    pub networks: Vec<IpNet>,
    /// Allow webhook endpoints without TLS
    #[arg(long = "webhook-http", env = "TRACKSCRIBE_WEBHOOK_HTTP", default_value = "false", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true")]
    pub http: bool,
}
