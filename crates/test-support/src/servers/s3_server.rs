//! An S3 server for one test: Garage, or MinIO if `TRACKSCRIBE_TEST_S3` says so.

use std::{env, fs, process::Command};

use objects::{Credentials, Keys, Objects, S3Config, StoreConfig};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::{ExitedEarly, PORT_ATTEMPTS, Port, Process, process::program, store::create_bucket, wait_until_ready};

/// Chooses the program, as in `scripts/test.sh`: `garage` or `minio`.
const VARIABLE: &str = "TRACKSCRIBE_TEST_S3";

/// Name Garage, for machines where it is not on `PATH`, and MinIO.
const GARAGE_VARIABLE: &str = "GARAGE_BIN";
const MINIO_VARIABLE: &str = "MINIO_BIN";

const BUCKET: &str = "trackscribe-test";

/// A region that both programs accept.
const REGION: &str = "us-east-1";

/// A server with one bucket. Tests that need no server of their own use [`Store::bucket`](super::Store::bucket).
#[derive(Debug)]
pub struct S3Server {
    program: Program,
    process: Process,
    ports: [Port; 2],
    keys: Keys,
    folder: TempDir,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Garage,
    Minio,
}

impl S3Server {
    /// # Panics
    /// When the program is not installed or does not start.
    pub async fn start() -> Self {
        let program = Program::chosen();
        for _ in 0..PORT_ATTEMPTS {
            let mut server = Self::launch(program);
            if server.wait_until_ready().await.is_ok() {
                return server;
            }
            eprintln!("{program:?} exited, trying other ports: {}", server.process.log());
        }
        panic!(
            "cannot start {program:?}; install it with scripts/install-deps.sh tests minio, or set {GARAGE_VARIABLE} or \
             {MINIO_VARIABLE} to its path"
        );
    }

    /// How to reach the bucket with the present key.
    ///
    /// # Panics
    /// Never: the endpoint is well-formed.
    pub fn config(&self) -> S3Config {
        let endpoint = format!("http://127.0.0.1:{}", self.ports[0].number());
        S3Config {
            bucket: BUCKET.into(),
            region: REGION.into(),
            credentials: Credentials::fixed(self.keys.clone()),
            endpoint: Some(endpoint.parse().expect("the URL is well-formed")),
            force_path_style: true,
            ca_file: None,
            public_url: None,
        }
    }

    /// Revokes the key and creates another one for the bucket, as an operator does. From now on the server denies all
    /// requests with the old one.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn replace_key(&mut self) {
        let old = std::mem::replace(&mut self.keys, new_keys());
        match self.program {
            Program::Garage => self.replace_garage_key(&old),
            Program::Minio => self.restart_minio(),
        }
        self.wait_until_ready().await.expect("the server runs");
    }

    fn launch(program: Program) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let ports = [Port::reserve(), Port::reserve()];
        let keys = new_keys();
        let command = match program {
            Program::Garage => garage(&folder, &ports, &keys),
            Program::Minio => minio(&folder, &ports, &keys),
        };
        Self {
            program,
            process: Process::start("s3", command, folder.path()),
            ports,
            keys,
            folder,
        }
    }

    /// Waits until the bucket can be listed: a port answers before the bucket exists.
    async fn wait_until_ready(&mut self) -> Result<(), ExitedEarly> {
        crate::use_tls_provider();
        let config = self.config();
        let store = objects::open(&StoreConfig::S3(config.clone())).expect("the configuration is valid");
        let is_minio = self.program == Program::Minio;
        let has_bucket = async || {
            if is_minio && store.list("").await.is_err() {
                let _not_ready_yet = create_bucket(&config).await;
            }
            has_bucket(&store).await
        };
        wait_until_ready(&mut self.process, has_bucket).await
    }

    fn replace_garage_key(&self, old: &Keys) {
        let [id, secret] = [&self.keys.access_key, &self.keys.secret].map(ExposeSecret::expose_secret);
        self.garage_admin(&["key", "import", "--yes", id, secret]);
        self.garage_admin(&["bucket", "allow", "--read", "--write", "--owner", BUCKET, "--key", id]);
        self.garage_admin(&["key", "delete", "--yes", old.access_key.expose_secret()]);
    }

    fn garage_admin(&self, arguments: &[&str]) {
        let config = self.folder.path().join("garage.toml");
        let mut command = Command::new(program(GARAGE_VARIABLE, "garage"));
        let output = command.arg("-c").arg(config).args(arguments).output();
        let output = output.expect("garage is installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "garage {}: {errors}", arguments[0]);
    }

    /// Its key is that of the operator who starts it.
    fn restart_minio(&mut self) {
        self.process.stop();
        self.process = Process::start("s3", minio(&self.folder, &self.ports, &self.keys), self.folder.path());
    }
}

impl Program {
    fn chosen() -> Self {
        match env::var(VARIABLE).as_deref() {
            Ok("minio") => Self::Minio,
            Ok("garage") | Err(_) => Self::Garage,
            Ok(other) => panic!("{VARIABLE} must be garage or minio, not {other}"),
        }
    }
}

/// Garage accepts only keys of this form; MinIO accepts them too.
fn new_keys() -> Keys {
    Keys {
        access_key: SecretString::from(format!("GK{}", hex::encode(rand::random::<[u8; 12]>()))),
        secret: SecretString::from(hex::encode(rand::random::<[u8; 32]>())),
        session_token: None,
    }
}

async fn has_bucket(store: &Objects) -> bool {
    store.list("").await.is_ok()
}

fn garage(folder: &TempDir, ports: &[Port; 2], keys: &Keys) -> Command {
    let config = folder.path().join("garage.toml");
    fs::write(&config, garage_toml(folder, ports)).expect("the test's folder is writable");
    let mut command = Process::command(program(GARAGE_VARIABLE, "garage"));
    command
        .arg("-c")
        .arg(&config)
        .args(["server", "--single-node", "--default-bucket"])
        .env("GARAGE_DEFAULT_ACCESS_KEY", keys.access_key.expose_secret())
        .env("GARAGE_DEFAULT_SECRET_KEY", keys.secret.expose_secret())
        .env("GARAGE_DEFAULT_BUCKET", BUCKET);
    command
}

fn garage_toml(folder: &TempDir, ports: &[Port; 2]) -> String {
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
s3_region = "{REGION}"
api_bind_addr = "127.0.0.1:{s3}"
"#
    )
}

fn minio(folder: &TempDir, ports: &[Port; 2], keys: &Keys) -> Command {
    let [address, console] = ports.each_ref().map(|port| format!("127.0.0.1:{}", port.number()));
    let mut command = Process::command(program(MINIO_VARIABLE, "minio"));
    command
        .args(["server", "--address", &address, "--console-address", &console])
        .arg(folder.path().join("data"))
        .env("MINIO_ROOT_USER", keys.access_key.expose_secret())
        .env("MINIO_ROOT_PASSWORD", keys.secret.expose_secret());
    command
}
