//! Brings recordings from the spool to the store, and retries until they are there.
//!
//! - `uploader`: the [`Uploader`] and what it is given
//! - `attempt`: one attempt: audio, then manifest, each verified
//! - `stores`: one client per store, and what is known of its condition
//! - `backlog`: counts what is not stored yet
//! - `put`: the older functions, used by the sessions until they use the `Uploader`

mod attempt;
mod backlog;
mod put;
mod stores;
#[cfg_attr(not(test), expect(dead_code, reason = "the sessions do not use it yet"))]
mod uploader;

pub use put::{Destination, put_file, put_manifest};
#[expect(unused_imports, reason = "the sessions do not use it yet")]
pub use uploader::{Backlog, StoredObjects, Upload, Uploader};
