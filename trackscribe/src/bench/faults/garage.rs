//! Garage, an S3 server for one machine, with one bucket.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use objects::{Credentials, Keys, Objects, S3Config, StoreConfig};
use rustix::process::Signal;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::stack::{FaultStack, wait_for};
use crate::{
    setup::write_secret,
    temporary_stack::free_port,
    up::{
        child::Child,
        spec::{ChildSpec, Environment, StopPlan},
    },
};

pub const BUCKET: &str = "faults";
pub const REGION: &str = "us-east-1";

/// Garage needs a second or two.
const START_TIMEOUT: Duration = Duration::from_secs(30);

const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running Garage.
pub struct Garage {
    pub port: u16,
    pub access_key: String,
    pub secret: String,
    /// The bucket.
    pub objects: Objects,
    child: Child,
}

impl Garage {
    pub async fn start(stack: &FaultStack) -> Result<Self> {
        let folder = stack.prepared().site.data.path().join("garage");
        std::fs::create_dir_all(&folder).context("cannot create a folder for Garage")?;
        let access_key = format!("GK{}", hex::encode(rand::random::<[u8; 12]>()));
        let secret = hex::encode(rand::random::<[u8; 32]>());
        let port = free_port()?;
        let file = folder.join("garage.toml");
        write_secret(&file, &toml(&folder, port, free_port()?))?;
        let child = Child::start(
            spec(file, &access_key, &secret)?,
            &stack.prepared().site.data,
            CancellationToken::new(),
        )?;
        let objects = open(port, &access_key, &secret)?;
        wait_for("the bucket can be listed", START_TIMEOUT, async || {
            objects.list("").await.ok()
        })
        .await?;
        Ok(Self {
            port,
            access_key,
            secret,
            objects,
            child,
        })
    }

    pub async fn stop(self) {
        self.child.stop().await;
    }
}

fn open(port: u16, access_key: &str, secret: &str) -> Result<Objects> {
    let keys = Keys {
        access_key: SecretString::from(access_key),
        secret: SecretString::from(secret),
        session_token: None,
    };
    let config = S3Config {
        bucket: BUCKET.to_owned(),
        region: REGION.to_owned(),
        credentials: Credentials::fixed(keys),
        endpoint: Some(format!("http://127.0.0.1:{port}").parse()?),
        force_path_style: true,
        ca_file: None,
        public_url: None,
    };
    objects::open(&StoreConfig::S3(config)).context("cannot open the bucket")
}

fn spec(config: PathBuf, access_key: &str, secret: &str) -> Result<ChildSpec> {
    let variable = |name: &str, value: &str| (format!("GARAGE_DEFAULT_{name}"), value.to_owned());
    Ok(ChildSpec {
        name: "garage",
        program: program()?,
        args: vec![
            "-c".into(),
            config.into(),
            "server".into(),
            "--single-node".into(),
            "--default-bucket".into(),
        ],
        env: Environment::With(vec![
            variable("ACCESS_KEY", access_key),
            variable("SECRET_KEY", secret),
            variable("BUCKET", BUCKET),
        ]),
        user: None,
        death_signal: Signal::KILL,
        stop: StopPlan {
            signal: Signal::TERM,
            second_signal_after: None,
            timeout: STOP_TIMEOUT,
        },
    })
}

fn toml(folder: &Path, port: u16, rpc_port: u16) -> String {
    let (folder, rpc_secret) = (folder.display(), hex::encode(rand::random::<[u8; 32]>()));
    // Each run has its own folders, because its keys are new.
    let run = hex::encode(rand::random::<[u8; 4]>());
    format!(
        "metadata_dir = \"{folder}/{run}/meta\"\n\
         data_dir = \"{folder}/{run}/data\"\n\
         db_engine = \"sqlite\"\n\
         replication_factor = 1\n\
         rpc_bind_addr = \"127.0.0.1:{rpc_port}\"\n\
         rpc_secret = \"{rpc_secret}\"\n\
         [s3_api]\n\
         s3_region = \"{REGION}\"\n\
         api_bind_addr = \"127.0.0.1:{port}\"\n"
    )
}

fn program() -> Result<PathBuf> {
    let paths: OsString = env::var_os("PATH").unwrap_or_default();
    let mut found = env::split_paths(&paths).map(|folder| folder.join("garage"));
    found
        .find(|file| file.is_file())
        .context("garage is not on PATH; scripts/install-deps.sh tests installs it")
}
