//! The paths inside the data folder.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use url::Url;

/// Only the owner may enter, because it contains secrets and recordings.
const FOLDER_MODE: u32 = 0o700;

/// A data folder. Its path is absolute and without symbolic links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Opens the folder and creates it if it does not exist.
    pub fn at(path: &Path) -> Result<Self> {
        let create = || {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
            fs::canonicalize(path)
        };
        let root = create().with_context(|| format!("cannot use {} as the data folder", path.display()))?;
        Ok(Self { root })
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Settings of server and worker, including secrets.
    pub fn env_file(&self) -> PathBuf {
        self.root.join(".env")
    }

    /// The API key that the first start creates.
    pub fn admin_key(&self) -> PathBuf {
        self.root.join("admin.key")
    }

    pub fn livekit_yaml(&self) -> PathBuf {
        self.root.join("livekit.yaml")
    }

    /// API key and secret in the format of livekit-server's `key_file`.
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

    /// Recordings that are not uploaded yet.
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    pub fn objects_url(&self) -> String {
        Url::from_file_path(self.objects())
            .expect("the path is absolute")
            .into()
    }

    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Lock file and pid files.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// A file with the path of PostgreSQL's folder, if that is outside the data folder.
    pub fn postgres_location(&self) -> PathBuf {
        self.root.join("postgres.location")
    }

    /// PostgreSQL's folder, unless [`postgres_location`](Self::postgres_location) names another one.
    pub fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// Creates the folders inside.
    pub fn create(&self) -> Result<()> {
        for folder in [self.redis(), self.spool(), self.objects(), self.logs(), self.run()] {
            let created = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder);
            created.with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(())
    }
}
