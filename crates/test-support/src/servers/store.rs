//! An object store for one test: a new bucket on the shared S3 server, a server of its own, or a new folder.

use std::{env, fs, path::PathBuf};

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use aws_smithy_http_client::{Builder, tls};
use domain::ObjectKey;
use livekit_protocol::S3Upload;
use objects::{FolderConfig, Keys, Objects, S3Config, StoreConfig};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::S3Server;

/// Size limit of an object that a test reads.
const MAX_OBJECT_BYTES: u64 = 256 * 1024 * 1024;

/// An empty bucket or folder.
#[derive(Debug)]
pub struct Store {
    config: StoreConfig,
    prefix: String,
    keys_in: KeysIn,
    server: Option<S3Server>,
    /// The objects of a folder, or the key files. Deleted with the store.
    folder: Option<TempDir>,
}

/// Where the programs under test find the keys of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysIn {
    /// `egress.yaml`, and variables of `server` and `worker`.
    Settings,
    /// `egress.yaml`, and files that variables of `server` and `worker` name.
    Files,
    /// Wherever the AWS SDK looks; the test puts them there.
    DefaultChain,
}

impl Store {
    /// Creates a folder, which is deleted with the store.
    ///
    /// # Panics
    /// When no temporary folder can be created.
    pub fn folder() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let config = StoreConfig::Folder(FolderConfig {
            root: folder.path().join("objects"),
        });
        Self {
            folder: Some(folder),
            ..Self::new(config)
        }
    }

    /// Creates a bucket on the server that `TRACKSCRIBE_TEST_S3_*` describes.
    ///
    /// # Panics
    /// When these variables are not set, or the server refuses to create a bucket.
    pub async fn bucket() -> Self {
        crate::use_tls_provider();
        let config = S3Config {
            bucket: format!("e2e-{}", hex::encode(rand::random::<[u8; 8]>())),
            region: variable("REGION"),
            credentials: objects::Credentials::fixed(Keys {
                access_key: SecretString::from(variable("ACCESS_KEY_ID")),
                secret: SecretString::from(variable("SECRET_ACCESS_KEY")),
                session_token: None,
            }),
            endpoint: Some(
                variable("ENDPOINT")
                    .parse()
                    .expect("TRACKSCRIBE_TEST_S3_ENDPOINT is a URL"),
            ),
            force_path_style: true,
            ca_file: None,
            public_url: None,
        };
        let created = create_bucket(&config).await;
        created.unwrap_or_else(|error| panic!("cannot create bucket {}: {error}", config.bucket));
        Self::new(StoreConfig::S3(config))
    }

    /// Starts a server for this store alone, so that its key can be replaced.
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn with_own_server(keys_in: KeysIn) -> Self {
        let server = S3Server::start().await;
        let store = Self {
            keys_in,
            folder: Some(tempfile::tempdir().expect("a temporary folder can be created")),
            ..Self::new(StoreConfig::S3(server.config()))
        };
        store.write_keys();
        Self {
            server: Some(server),
            ..store
        }
    }

    /// Lets the egress put `prefix` before every key.
    pub fn below(self, prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            ..self
        }
    }

    fn new(config: StoreConfig) -> Self {
        Self {
            config,
            prefix: String::new(),
            keys_in: KeysIn::Settings,
            server: None,
            folder: None,
        }
    }

    /// Revokes the key and creates another one, of which only the server and [`key`](Self::key) know.
    ///
    /// # Panics
    /// When the store has no server of its own.
    pub async fn replace_key(&mut self) {
        let server = self.server.as_mut().expect("the store has its own server");
        server.replace_key().await;
        self.config = StoreConfig::S3(server.config());
    }

    /// Writes the present key to the files.
    ///
    /// # Panics
    /// When the folder is not writable.
    pub fn write_keys(&self) {
        let (access_key, secret) = self.key();
        for (file, value) in [("access-key", access_key), ("secret", secret)] {
            fs::write(self.key_file(file), value + "\n").expect("the test's folder is writable");
        }
    }

    /// The present access key and its secret.
    ///
    /// # Panics
    /// When the store is a folder.
    pub fn key(&self) -> (String, String) {
        let StoreConfig::S3(s3) = &self.config else {
            panic!("a folder has no key")
        };
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        (text(&keys(s3).access_key), text(&keys(s3).secret))
    }

    fn key_file(&self, name: &str) -> PathBuf {
        let folder = self
            .folder
            .as_ref()
            .expect("a store with a server of its own has a folder");
        folder.path().join(name)
    }

    /// Opens the store as the programs under test do.
    ///
    /// # Panics
    /// When the store cannot be opened.
    pub fn objects(&self) -> Objects {
        objects::open(&self.config).expect("the configuration is valid")
    }

    /// Reads an object.
    ///
    /// # Panics
    /// When it does not exist.
    pub async fn read(&self, key: &str) -> Vec<u8> {
        let key = ObjectKey::parse(key).expect("the key is valid");
        let object = self
            .objects()
            .get(&key, None)
            .await
            .unwrap_or_else(|error| panic!("cannot read {key}: {error}"));
        object
            .read(MAX_OBJECT_BYTES)
            .await
            .expect("the object can be read to its end")
            .to_vec()
    }

    /// Lists the keys that begin with `prefix`.
    ///
    /// # Panics
    /// When the store does not answer.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.objects().list(prefix).await.expect("the store answers");
        listed.into_iter().map(|object| object.key.to_string()).collect()
    }

    /// The bucket and its credentials as a request to LiveKit contains them.
    ///
    /// # Panics
    /// When the store is a folder.
    pub fn s3_upload(&self) -> S3Upload {
        let StoreConfig::S3(s3) = &self.config else {
            panic!("a folder is not a bucket")
        };
        S3Upload {
            access_key: keys(s3).access_key.expose_secret().to_owned(),
            secret: keys(s3).secret.expose_secret().to_owned(),
            region: s3.region.clone(),
            endpoint: s3.endpoint.as_ref().map_or_else(String::new, ToString::to_string),
            bucket: s3.bucket.clone(),
            force_path_style: s3.force_path_style,
            ..Default::default()
        }
    }

    /// The settings of `server` and `worker` that name this store.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let s3 = match &self.config {
            StoreConfig::Folder(folder) => {
                return vec![("TRACKSCRIBE_STORAGE", format!("file://{}", folder.root.display()))];
            }
            StoreConfig::S3(s3) => s3,
        };
        let (access_key, secret) = self.key();
        let file = |name| self.key_file(name).display().to_string();
        let bucket = vec![
            ("TRANSCRIPT_STORAGE_AWS_BUCKET_NAME", s3.bucket.clone()),
            ("TRANSCRIPT_STORAGE_AWS_REGION", s3.region.clone()),
            ("TRANSCRIPT_STORAGE_AWS_ENDPOINT_URL", endpoint(s3)),
        ];
        let keys = match self.keys_in {
            KeysIn::Settings => vec![
                ("TRANSCRIPT_STORAGE_AWS_ACCESS_KEY_ID", access_key),
                ("TRANSCRIPT_STORAGE_AWS_SECRET_ACCESS_KEY", secret),
            ],
            KeysIn::Files => vec![
                ("TRANSCRIPT_STORAGE_AWS_ACCESS_KEY_ID_FILE", file("access-key")),
                ("TRANSCRIPT_STORAGE_AWS_SECRET_ACCESS_KEY_FILE", file("secret")),
            ],
            KeysIn::DefaultChain => Vec::new(),
        };
        [bucket, keys].concat()
    }

    /// The section `storage` of `egress.yaml`.
    pub fn egress_section(&self) -> String {
        let store = match &self.config {
            StoreConfig::Folder(folder) => format!("  file:\n    root: {}\n", folder.root.display()),
            StoreConfig::S3(s3) => format!(
                "  s3:\n    bucket: {}\n    region: {}\n{}    endpoint: {}\n    force_path_style: true\n",
                s3.bucket,
                s3.region,
                self.egress_keys(),
                endpoint(s3),
            ),
        };
        format!("storage:\n  prefix: '{}'\n{store}", self.prefix)
    }

    fn egress_keys(&self) -> String {
        if self.keys_in == KeysIn::DefaultChain {
            return String::new();
        }
        let (access_key, secret) = self.key();
        format!("    access_key: {access_key}\n    secret: {secret}\n")
    }
}

fn variable(name: &str) -> String {
    let name = format!("TRACKSCRIBE_TEST_S3_{name}");
    env::var(&name).unwrap_or_else(|_| {
        panic!("{name} is not set; run scripts/test.sh, or set TRACKSCRIBE_TEST_S3_* to an S3 server for tests")
    })
}

fn keys(s3: &S3Config) -> &Keys {
    s3.credentials.keys().expect("a test's bucket has keys")
}

fn endpoint(s3: &S3Config) -> String {
    s3.endpoint.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Creates the bucket.
pub(super) async fn create_bucket(s3: &S3Config) -> Result<(), String> {
    let (key, secret) = (keys(s3).access_key.expose_secret(), keys(s3).secret.expose_secret());
    let http = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_https();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(s3.region.clone()))
        .endpoint_url(endpoint(s3))
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
        .force_path_style(true)
        .http_client(http)
        .build();
    let request = Client::from_conf(config).create_bucket().bucket(&s3.bucket);
    request.send().await.map(drop).map_err(|error| format!("{error:?}"))
}
