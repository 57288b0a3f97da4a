//! A real S3 server of this test's own.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use objects::{ObjectError, S3Config, StoreConfig};
use secrecy::SecretString;
use tempfile::TempDir;

/// Garage is ready within a second; a busy machine gets more.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a port that someone else took in the meantime is tried anew.
const ATTEMPTS: usize = 3;

const BUCKET: &str = "trackscribe-test";

pub struct Garage {
    process: Child,
    port: u16,
    access_key: String,
    secret: String,
    _folder: TempDir,
}

impl Garage {
    pub async fn start() -> Self {
        for _ in 0..ATTEMPTS {
            let mut garage = Self::spawn();
            if garage.is_ready().await {
                return garage;
            }
        }
        panic!("garage did not start in {ATTEMPTS} attempts");
    }

    pub fn config(&self) -> S3Config {
        S3Config {
            bucket: BUCKET.into(),
            region: "garage".into(),
            access_key: SecretString::from(self.access_key.as_str()),
            secret: SecretString::from(self.secret.as_str()),
            session_token: None,
            endpoint: Some(format!("http://127.0.0.1:{}", self.port).parse().unwrap()),
            force_path_style: true,
            ca_file: None,
            public_url: None,
        }
    }

    fn spawn() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [s3, rpc] = free_ports();
        let config = folder.path().join("garage.toml");
        fs::write(&config, toml(folder.path(), s3, rpc)).unwrap();
        let access_key = format!("GK{}", hex::encode(rand::random::<[u8; 12]>()));
        let secret = hex::encode(rand::random::<[u8; 32]>());
        let program = env::var_os("GARAGE_BIN").map_or_else(|| PathBuf::from("garage"), PathBuf::from);
        let process = Command::new(&program)
            .arg("-c")
            .arg(&config)
            .args(["server", "--single-node", "--default-bucket"])
            .env("GARAGE_DEFAULT_ACCESS_KEY", &access_key)
            .env("GARAGE_DEFAULT_SECRET_KEY", &secret)
            .env("GARAGE_DEFAULT_BUCKET", BUCKET)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap_or_else(|e| panic!("{program:?}: {e}; set GARAGE_BIN, or run scripts/install-deps.sh"));
        Self {
            process,
            port: s3,
            access_key,
            secret,
            _folder: folder,
        }
    }

    /// Whether a put works before patience or the process ends.
    async fn is_ready(&mut self) -> bool {
        let store = objects::open(&StoreConfig::S3(self.config())).unwrap();
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && self.process.try_wait().unwrap().is_none() {
            let answers = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port))).is_ok();
            if answers
                && !matches!(
                    store.list("").await,
                    Err(ObjectError::Unavailable(_) | ObjectError::Denied { .. })
                )
            {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

impl Drop for Garage {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn toml(folder: &Path, s3: u16, rpc: u16) -> String {
    let folder = folder.display();
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
