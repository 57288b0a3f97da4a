//! Settings that more than one service has, and how all that is wrong with them is told at once.

mod database;
mod livekit;
mod problems;

pub use database::DatabaseArgs;
pub use livekit::{LivekitApi, LivekitApiArgs, livekit_address};
pub use problems::{ConfigError, Problems};
