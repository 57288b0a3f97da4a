//! Where recordings and transcripts lie: an S3-compatible store or a folder, behind one trait.
//!
//! A store knows keys, bytes and content types. What an object means, who may read it and when it goes is left to the
//! services.

pub mod body;
pub mod config;
pub mod error;
mod folder;
mod open;
pub mod probe;
pub mod range;
mod s3;
pub mod store;

pub use body::Body;
pub use config::{FolderConfig, S3Config, StorageArgs, StoreConfig, StoreConfigError};
pub use error::{BoxError, ObjectError};
pub use open::{OpenError, open};
pub use range::ByteRange;
pub use store::{Head, Listed, Object, ObjectStore, Objects, Stored};
