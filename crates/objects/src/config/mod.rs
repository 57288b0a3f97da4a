//! Which store, from the environment (server, worker) or from values that a service read itself (egress).

mod env;

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

pub use self::env::StorageArgs;

/// A store that is to be opened.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one or two exist in a process; a box would only burden who makes them"
)]
pub enum StoreConfig {
    Folder(FolderConfig),
    S3(S3Config),
}

/// A folder of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderConfig {
    /// Absolute; made if it is not there.
    pub root: PathBuf,
}

/// A bucket of an S3-compatible store.
#[derive(Clone, Debug)]
pub struct S3Config {
    pub bucket: String,
    pub region: String,
    pub access_key: SecretString,
    pub secret: SecretString,
    pub session_token: Option<SecretString>,
    /// `None`: Amazon's own, by region.
    pub endpoint: Option<Url>,
    /// `https://host/bucket/key` instead of `https://bucket.host/key`; what stores other than Amazon's need.
    pub force_path_style: bool,
    /// PEM certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Where browsers reach this store; without it nothing is signed for them.
    pub public_url: Option<Url>,
}

/// Settings that do not make a store. Each names its variable.
#[derive(Debug, thiserror::Error)]
pub enum StoreConfigError {
    #[error("no object store is set: set TRACKSCRIBE_STORAGE=file:///folder, or {0}BUCKET_NAME and its companions")]
    NotSet(&'static str),
    #[error("TRACKSCRIBE_STORAGE={0} is no folder; an example: file:///var/lib/trackscribe/objects")]
    NotAFolder(String),
    #[error("TRACKSCRIBE_STORAGE and {0} are both set; unset the one that is not meant")]
    FolderAndBucket(String),
    #[error("{0} is not set, though a bucket is; set it, or {0}_FILE to a file that holds it")]
    Missing(String),
    #[error("{0} and {0}_FILE are both set; unset one of them")]
    ValueAndFile(String),
    #[error("{name}_FILE names {path}, which cannot be read")]
    Unreadable {
        name: String,
        path: String,
        source: std::io::Error,
    },
}

impl FolderConfig {
    /// Reads `file:///absolute/path`.
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
