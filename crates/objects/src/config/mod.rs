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

    /// The key of the object at a location, also if the one who names it reaches this store by another address; `None` if
    /// the location is not in this store.
    pub fn key_of(&self, location: &str) -> Option<ObjectKey> {
        let key = match self {
            Self::Folder(folder) => folder.name_of(location)?,
            Self::S3(s3) => s3.name_of(location)?,
        };
        ObjectKey::parse(key).ok()
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

impl S3Config {
    /// Understands `https://host/bucket/key` and `https://bucket.host/key`. Keys in locations are not encoded.
    fn name_of(&self, location: &str) -> Option<String> {
        let ours = location.strip_prefix(&self.base_url());
        let ours = ours.and_then(|rest| rest.strip_prefix('/'));
        let (host, path) = location.split_once("://")?.1.split_once('/')?;
        let bucket = self.bucket.as_str();
        let in_path = || path.strip_prefix(bucket)?.strip_prefix('/');
        let in_host = || host.strip_prefix(bucket)?.starts_with('.').then_some(path);
        ours.or_else(in_path).or_else(in_host).map(str::to_owned)
    }
}

impl FolderConfig {
    /// Understands `file:///root/key` and `/root/key`.
    fn name_of(&self, location: &str) -> Option<String> {
        let path = match Url::parse(location) {
            Ok(url) => url.to_file_path().ok()?,
            Err(_) => PathBuf::from(location),
        };
        Some(path.strip_prefix(&self.root).ok()?.to_str()?.to_owned())
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> StoreConfig {
        StoreConfig::Folder(FolderConfig {
            root: "/srv/objects".into(),
        })
    }

    fn s3(endpoint: Option<&str>) -> StoreConfig {
        StoreConfig::S3(S3Config {
            bucket: "calls".into(),
            region: "us-east-1".into(),
            credentials: Credentials::DefaultChain,
            endpoint: endpoint.map(|url| url.parse().unwrap()),
            force_path_style: true,
            ca_file: None,
            public_url: None,
        })
    }

    #[test]
    fn a_location_leads_back_to_its_key() {
        for store in [
            folder(),
            s3(None),
            s3(Some("http://s3:3900")),
            s3(Some("https://h/s3/")),
        ] {
            for key in ["a.ogg", "prefix/calls/r/..%2Fzo%C3%AB~0a/TR_1.ogg", "odd/a b+c?#.ogg"] {
                let key = ObjectKey::parse(key).unwrap();
                assert_eq!(store.key_of(&store.location(&key)), Some(key), "{store:?}");
            }
        }
    }

    #[test]
    fn a_store_is_known_by_its_bucket_under_any_address() {
        let store = s3(Some("http://garage:3900"));

        for location in [
            "https://s3.example.org/calls/p/a.ogg",
            "https://calls.s3.example.org/p/a.ogg",
            "http://127.0.0.1:3900/calls/p/a.ogg",
        ] {
            assert_eq!(store.key_of(location).unwrap().as_str(), "p/a.ogg", "{location}");
        }
        assert_eq!(folder().key_of("/srv/objects/p/a.ogg").unwrap().as_str(), "p/a.ogg");
    }

    #[test]
    fn hostile_and_foreign_locations_have_no_key() {
        let hostile = [
            "",
            "/",
            "://",
            "https://",
            "https://h",
            "https://h/other/a.ogg",
            "https://h/callsa.ogg",
            "https://callsign.h/a",
            "https://h/calls/../a",
            "https://h/calls/",
            "https://h/calls//a",
            "file:///etc/passwd",
            "file:///srv/objects/../x",
            "/srv/objects",
            "/srv/objectsx/a",
            "file://host/srv/objects/a",
        ];

        for location in hostile {
            for store in [folder(), s3(None), s3(Some("http://garage:3900"))] {
                assert_eq!(store.key_of(location), None, "{location} {store:?}");
            }
        }
    }
}
