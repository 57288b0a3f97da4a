//! The data folder: the only place that says what lies where in it.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use url::Url;

/// For the owner alone: secrets and recordings lie below.
const FOLDER_MODE: u32 = 0o700;

/// An absolute path without symbolic links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Makes the folder if it is not there.
    pub fn at(path: &Path) -> Result<Self> {
        let make = || {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
            fs::canonicalize(path)
        };
        let root = make().with_context(|| format!("cannot use {} as data folder", path.display()))?;
        Ok(Self { root })
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Settings and secrets of server and worker.
    pub fn env_file(&self) -> PathBuf {
        self.root.join(".env")
    }

    /// The API key that the first start makes.
    pub fn admin_key(&self) -> PathBuf {
        self.root.join("admin.key")
    }

    pub fn livekit_yaml(&self) -> PathBuf {
        self.root.join("livekit.yaml")
    }

    /// API key and secret, as livekit-server's `key_file` wants them.
    pub fn livekit_keys(&self) -> PathBuf {
        self.root.join("livekit.keys")
    }

    pub fn egress_yaml(&self) -> PathBuf {
        self.root.join("egress.yaml")
    }

    pub fn redis_conf(&self) -> PathBuf {
        self.root.join("redis.conf")
    }

    pub fn redis(&self) -> PathBuf {
        self.root.join("redis")
    }

    /// Where recordings wait for their upload.
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    pub fn objects_url(&self) -> String {
        Url::from_file_path(self.objects())
            .expect("the data folder's path is absolute")
            .into()
    }

    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Lock and pid files.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Says where PostgreSQL's files are, when they cannot be here.
    pub fn postgres_elsewhere(&self) -> PathBuf {
        self.root.join("postgres.location")
    }

    /// PostgreSQL's files, when they can be here.
    pub fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// Makes the folders below.
    pub fn create(&self) -> Result<()> {
        for folder in [self.redis(), self.spool(), self.objects(), self.logs(), self.run()] {
            let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder);
            made.with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(())
    }
}
