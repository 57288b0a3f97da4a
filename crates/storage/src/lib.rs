//! What Trackscribe remembers: PostgreSQL, one file an entity. The only crate that sees SQL.
//!
//! Functions take `&mut PgConnection`, so that callers choose the transaction. Not found is `None`; a row that cannot
//! be is an error that names it. What the rows mean is decided in `domain`; this crate leaves to others when to write.

pub mod api_keys;
pub mod chunks;
pub mod connections;
mod error;
pub mod events;
pub mod jobs;
pub mod locks;
pub mod meetings;
pub mod participants;
pub mod pool;
pub mod recordings;
pub mod rooms;
mod row;
pub mod segments;
#[cfg(test)]
mod support;
pub mod tracks;
pub mod transcripts;

pub use error::StorageError;
pub use sqlx::{PgConnection, PgPool, PgTransaction};

/// A connection on loan from the pool; dropping it returns it.
pub type PooledConnection = sqlx::pool::PoolConnection<sqlx::Postgres>;
