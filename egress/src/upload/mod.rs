//! Brings recordings from the spool to the store, and retries until they are there.
//!
//! - `uploader`: the [`Uploader`] and what it is given
//! - `attempt`: one attempt: audio, then manifest, each verified
//! - `stores`: one client per store, and what is known of its condition
//! - `backlog`: counts what is not stored yet

mod attempt;
mod backlog;
mod stores;
#[cfg(test)]
mod tests;
mod uploader;

pub use uploader::{StoredObjects, Upload, Uploader};
