//! Settings that several services share, and the collection of all configuration errors into one message.

mod database;
mod errors;
mod hosted;
mod livekit;
mod webhooks;

pub use database::DatabaseArgs;
pub use errors::{ConfigError, ConfigErrors};
pub use hosted::{DailyArgs, HostedApi, WherebyArgs};
pub use livekit::{LivekitApi, LivekitApiArgs, livekit_url};
pub use webhooks::WebhookArgs;
