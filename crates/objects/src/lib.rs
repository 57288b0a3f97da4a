//! Object stores for recordings and transcripts: S3-compatible or a local folder, behind one trait.
//!
//! A store handles keys, bytes and content types. The meaning of an object, access control and retention are left to the
//! services.

pub mod body;
pub mod config;
pub mod digest;
pub mod error;
mod folder;
mod open;
pub mod probe;
pub mod range;
mod s3;
pub mod store;
pub mod sweeper;

pub use body::Body;
pub use config::{Credentials, FolderConfig, KeySource, Keys, S3Config, StorageArgs, StoreConfig, StoreConfigError};
pub use error::{BoxError, ObjectError, OpenError};
pub use open::open;
pub use range::ByteRange;
pub use store::{Listed, Object, ObjectInfo, ObjectStore, Objects, Put, Stored};
