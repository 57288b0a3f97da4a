//! Settings of a store, from the environment (server, worker) or from values that the service provides (egress).

mod credentials;
mod env;

use std::path::PathBuf;

use domain::ObjectKey;
use url::Url;

pub use self::{
    credentials::{Credentials, KeySource, Keys},
    env::StorageArgs,
};

/// The settings of a store.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a process has one or two of them, so boxing would save nothing"
)]
pub enum StoreConfig {
    Folder(FolderConfig),
    S3(S3Config),
}

/// A local folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderConfig {
    /// Absolute path. Created if it does not exist.
    pub root: PathBuf,
}

/// A bucket in an S3-compatible store.
#[derive(Clone, Debug, PartialEq)]
pub struct S3Config {
    pub bucket: String,
    pub region: String,
    pub credentials: Credentials,
    /// `None` for Amazon's endpoint of the region.
    pub endpoint: Option<Url>,
    /// Uses `https://host/bucket/key` instead of `https://bucket.host/key`, as stores other than Amazon's require.
    pub force_path_style: bool,
    /// PEM certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// URL of the store for browsers. Without it no URLs are signed.
    pub public_url: Option<Url>,
}

/// Invalid settings of a store. Each message names the variable.
#[derive(Debug, thiserror::Error)]
pub enum StoreConfigError {
    #[error(
        "no object store is configured; set TRACKSCRIBE_STORAGE=file:///folder, or {0}BUCKET_NAME and the other {0} variables"
    )]
    NotSet(&'static str),
    #[error("TRACKSCRIBE_STORAGE={0} is not a file URL; example: file:///var/lib/trackscribe/objects")]
    NotAFolder(String),
    #[error("TRACKSCRIBE_STORAGE and {0} are both set; unset one of them")]
    FolderAndBucket(String),
    #[error("{0} is required for the configured bucket; set it, or set {0}_FILE to a file with the value")]
    Missing(String),
    #[error("{0} and {0}_FILE are both set; unset one of them")]
    ValueAndFile(String),
    #[error("cannot read {path}, the file in {name}_FILE")]
    Unreadable {
        name: String,
        path: String,
        source: std::io::Error,
    },
}

impl StoreConfig {
    /// The URL of an object, for people and manifests. Known before the object is stored.
    pub fn location(&self, key: &ObjectKey) -> String {
        match self {
            Self::Folder(folder) => folder.location(key),
            Self::S3(s3) => format!("{}/{key}", s3.base_url()),
        }
    }
}

impl S3Config {
    /// URL prefix of all objects, without a trailing slash.
    pub(crate) fn base_url(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{}/{}", endpoint.as_str().trim_end_matches('/'), self.bucket),
            None => format!("https://{}.s3.{}.amazonaws.com", self.bucket, self.region),
        }
    }
}

impl FolderConfig {
    pub(crate) fn location(&self, key: &ObjectKey) -> String {
        let path = self.root.join(key.as_str());
        Url::from_file_path(&path).map_or_else(|()| path.display().to_string(), String::from)
    }

    /// Parses `file:///absolute/path`.
    pub fn from_url(url: &str) -> Result<Self, StoreConfigError> {
        let bad = || StoreConfigError::NotAFolder(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| bad())?;
        if parsed.scheme() != "file" {
            return Err(bad());
        }
        let root = parsed.to_file_path().map_err(|()| bad())?;
        Ok(Self { root })
    }
}
