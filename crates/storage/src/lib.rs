//! The database: PostgreSQL, one file per entity. Outside tests, only this crate contains SQL.
//!
//! Functions take `&mut PgConnection`, so that callers choose the transaction. A row that does not exist is `None`; an
//! invalid row is an error that names it. Meetings are changed through [`ChangeTx`] only.
//!
//! Left to others: what the rows mean (`domain`), and when they are read and written (`server`, `worker`).

pub mod api_keys;
pub mod audit;
pub mod captures;
mod change_tx;
pub mod chunks;
pub mod connections;
pub mod controls;
pub mod deliveries;
pub mod endpoints;
mod error;
pub mod events;
mod facts;
pub mod feed;
pub mod idempotency;
pub mod inbox;
pub mod jobs;
pub mod locks;
pub mod meetings;
#[cfg(test)]
mod newer_words;
pub mod participants;
pub mod platform_rooms;
pub mod pool;
pub mod recordings;
pub mod rooms;
mod row;
pub mod segments;
#[cfg(test)]
mod support;
pub mod tracks;
pub mod transcripts;

pub use change_tx::ChangeTx;
pub use error::StorageError;
pub use sqlx::{PgConnection, PgPool, PgTransaction};

/// A connection on loan from the pool; dropping it returns it.
pub type PooledConnection = sqlx::pool::PoolConnection<sqlx::Postgres>;
