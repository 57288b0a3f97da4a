//! Garage, an S3 server, for one test.

use std::fs;

use objects::{Credentials, Keys, Objects, S3Config, StoreConfig};
use secrecy::SecretString;
use tempfile::TempDir;

use super::{ExitedEarly, PORT_ATTEMPTS, Port, Process, process::program, wait_until_ready};

/// Names the program, for machines where it is not on `PATH`.
const PROGRAM_VARIABLE: &str = "GARAGE_BIN";

const BUCKET: &str = "trackscribe-test";

/// A Garage with one bucket. Tests that need no server of their own use [`Store::bucket`](super::Store::bucket).
#[derive(Debug)]
pub struct Garage {
    process: Process,
    ports: [Port; 2],
    access_key: String,
    secret: String,
    _folder: TempDir,
}

impl Garage {
    /// # Panics
    /// When Garage is not installed or does not start.
    pub async fn start() -> Self {
        for _ in 0..PORT_ATTEMPTS {
            let mut garage = Self::launch();
            if garage.wait_until_ready().await.is_ok() {
                return garage;
            }
            eprintln!("garage exited, trying other ports: {}", garage.process.log());
        }
        panic!(
            "cannot start garage; install it with scripts/install-deps.sh tests, or set {PROGRAM_VARIABLE} to its path"
        );
    }

    /// How to reach the bucket.
    ///
    /// # Panics
    /// Never: the endpoint is well-formed.
    pub fn config(&self) -> S3Config {
        let endpoint = format!("http://127.0.0.1:{}", self.ports[0].number());
        S3Config {
            bucket: BUCKET.into(),
            region: "garage".into(),
            credentials: Credentials::fixed(Keys {
                access_key: SecretString::from(self.access_key.as_str()),
                secret: SecretString::from(self.secret.as_str()),
                session_token: None,
            }),
            endpoint: Some(endpoint.parse().expect("the URL is well-formed")),
            force_path_style: true,
            ca_file: None,
            public_url: None,
        }
    }

    fn launch() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let ports = [Port::reserve(), Port::reserve()];
        let config = folder.path().join("garage.toml");
        fs::write(&config, toml(&folder, &ports)).expect("the test's folder is writable");
        let access_key = format!("GK{}", hex::encode(rand::random::<[u8; 12]>()));
        let secret = hex::encode(rand::random::<[u8; 32]>());
        let mut command = Process::command(program(PROGRAM_VARIABLE, "garage"));
        command
            .arg("-c")
            .arg(&config)
            .args(["server", "--single-node", "--default-bucket"])
            .env("GARAGE_DEFAULT_ACCESS_KEY", &access_key)
            .env("GARAGE_DEFAULT_SECRET_KEY", &secret)
            .env("GARAGE_DEFAULT_BUCKET", BUCKET);
        Self {
            process: Process::start("garage", command, folder.path()),
            ports,
            access_key,
            secret,
            _folder: folder,
        }
    }

    /// Waits until the bucket can be listed: the port answers before the bucket exists.
    async fn wait_until_ready(&mut self) -> Result<(), ExitedEarly> {
        let store = objects::open(&StoreConfig::S3(self.config())).expect("the configuration is valid");
        wait_until_ready(&mut self.process, async || has_bucket(&store).await).await
    }
}

async fn has_bucket(store: &Objects) -> bool {
    store.list("").await.is_ok()
}

fn toml(folder: &TempDir, ports: &[Port; 2]) -> String {
    let folder = folder.path().display();
    let [s3, rpc] = ports.each_ref().map(Port::number);
    let rpc_secret = hex::encode(rand::random::<[u8; 32]>());
    format!(
        r#"metadata_dir = "{folder}/meta"
data_dir = "{folder}/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:{rpc}"
rpc_public_addr = "127.0.0.1:{rpc}"
rpc_secret = "{rpc_secret}"
[s3_api]
s3_region = "garage"
api_bind_addr = "127.0.0.1:{s3}"
"#
    )
}
