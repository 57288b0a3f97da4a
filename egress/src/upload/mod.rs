//! From the spool to the store: the file, then what describes it.

mod put;

pub use put::{Destination, put_file, put_manifest};
