//! Where recordings and transcripts lie: an S3-compatible store or a folder, behind one trait.
//!
//! A store knows keys, bytes and content types. What an object means, who may read it and when it goes is left to the
//! services.

pub mod body;
pub mod config;
pub mod error;
pub mod range;
pub mod store;

pub use body::Body;
pub use config::{FolderConfig, S3Config, StorageArgs, StoreConfig};
pub use error::{BoxError, ObjectError};
pub use range::ByteRange;
pub use store::{Head, Listed, Object, ObjectStore, Objects, Stored};
