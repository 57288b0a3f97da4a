//! What callers with a key may ask for: one folder a resource, one file a verb.

pub mod caller;
pub mod error;
pub mod extract;
pub mod list_page;
pub mod meetings;
pub mod recordings;
pub mod rooms;
pub mod transcripts;

#[cfg(test)]
mod tests;
