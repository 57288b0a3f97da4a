//! The REST API under `/v1`: one folder per resource, one file per operation.

pub mod audit;
pub mod caller;
pub mod created;
pub mod deliveries;
pub mod endpoints;
pub mod error;
pub mod events;
pub mod extract;
pub mod idempotency;
pub mod list_page;
pub mod meetings;
pub mod recordings;
pub mod rooms;
pub mod strict_query;
pub mod time;
pub mod transcripts;

#[cfg(test)]
mod tests;
