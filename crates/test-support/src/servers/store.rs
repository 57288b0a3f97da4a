//! An object store for one test: a new bucket on the shared S3 server, or a new folder.

use std::env;

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

/// Size limit of an object that a test reads.
const MAX_OBJECT_BYTES: u64 = 256 * 1024 * 1024;

/// An empty bucket or folder.
#[derive(Debug)]
pub struct Store {
    config: StoreConfig,
    /// Deletes the folder when the store is dropped.
    _folder: Option<TempDir>,
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
            config,
            _folder: Some(folder),
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
        Self {
            config: StoreConfig::S3(config),
            _folder: None,
        }
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
        match &self.config {
            StoreConfig::Folder(folder) => vec![("TRACKSCRIBE_STORAGE", format!("file://{}", folder.root.display()))],
            StoreConfig::S3(s3) => vec![
                ("TRANSCRIPT_STORAGE_AWS_BUCKET_NAME", s3.bucket.clone()),
                ("TRANSCRIPT_STORAGE_AWS_REGION", s3.region.clone()),
                (
                    "TRANSCRIPT_STORAGE_AWS_ACCESS_KEY_ID",
                    keys(s3).access_key.expose_secret().to_owned(),
                ),
                (
                    "TRANSCRIPT_STORAGE_AWS_SECRET_ACCESS_KEY",
                    keys(s3).secret.expose_secret().to_owned(),
                ),
                ("TRANSCRIPT_STORAGE_AWS_ENDPOINT_URL", endpoint(s3)),
            ],
        }
    }

    /// The section `storage` of `egress.yaml`.
    pub fn egress_section(&self) -> String {
        match &self.config {
            StoreConfig::Folder(folder) => format!("storage:\n  file:\n    root: {}\n", folder.root.display()),
            StoreConfig::S3(s3) => format!(
                "storage:\n  s3:\n    bucket: {}\n    region: {}\n    access_key: {}\n    secret: {}\n    endpoint: {}\n    \
                 force_path_style: true\n",
                s3.bucket,
                s3.region,
                keys(s3).access_key.expose_secret(),
                keys(s3).secret.expose_secret(),
                endpoint(s3),
            ),
        }
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
