//! Uploads a file from the spool to the store, then its manifest.

mod put;

pub use put::{Destination, put_file, put_manifest};
