//! Settings that more than one service has, and how all that is wrong with them is told at once.

mod database;
mod errors;
mod livekit;

pub use database::DatabaseArgs;
pub use errors::{ConfigError, ConfigErrors};
pub use livekit::{LivekitApi, LivekitApiArgs, livekit_url};
