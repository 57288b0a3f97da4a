//! Finds the programs that `up` starts.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

/// Where Debian and Ubuntu install PostgreSQL's programs, in one folder for each version and outside `PATH`.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// The oldest supported PostgreSQL.
const POSTGRES_MIN: u32 = 14;

/// The flags for programs that are not on `PATH`.
#[derive(Clone, Debug, Default, Args)]
pub struct ProgramArgs {
    /// Path of livekit-server, if it is not on PATH
    #[arg(long, env = "TRACKSCRIBE_LIVEKIT_SERVER", value_name = "FILE")]
    livekit_server: Option<PathBuf>,
    /// Path of redis-server, if it is not on PATH
    #[arg(long, env = "TRACKSCRIBE_REDIS_SERVER", value_name = "FILE")]
    redis_server: Option<PathBuf>,
    /// Folder of postgres and initdb, if they are neither on PATH nor in the folder of the distribution's package
    #[arg(long, env = "TRACKSCRIBE_POSTGRES_BIN", value_name = "FOLDER")]
    postgres_bin: Option<PathBuf>,
}

/// The paths of the programs.
#[derive(Clone, Debug)]
pub struct Programs {
    /// This program, which runs the roles.
    pub trackscribe: PathBuf,
    pub redis_server: PathBuf,
    pub livekit_server: PathBuf,
    postgres_bin: Option<PathBuf>,
}

impl ProgramArgs {
    pub fn find(&self) -> Result<Programs> {
        Ok(Programs {
            trackscribe: env::current_exe().context("cannot find the path of this program")?,
            redis_server: find("redis-server", self.redis_server.as_deref(), "--redis-server")?,
            livekit_server: find("livekit-server", self.livekit_server.as_deref(), "--livekit-server")?,
            postgres_bin: self.postgres_bin.clone(),
        })
    }
}

impl Programs {
    /// The folder of `postgres` and `initdb` in version `major`, or in the newest version.
    pub fn postgres(&self, major: Option<u32>) -> Result<PathBuf> {
        if let Some(folder) = &self.postgres_bin {
            return Ok(folder.clone());
        }
        let mut versions = packaged_versions(Path::new(POSTGRES_VERSIONS));
        versions.retain(|(version, _)| major.is_none_or(|major| major == *version) && *version >= POSTGRES_MIN);
        if let Some((_, folder)) = versions.into_iter().max() {
            return Ok(folder);
        }
        let on_path = on_path("initdb").and_then(|program| program.parent().map(Path::to_owned));
        match (on_path, major) {
            (Some(folder), _) => Ok(folder),
            (None, Some(major)) => bail!("the data folder needs PostgreSQL {major}, which is not installed"),
            (None, None) => bail!("PostgreSQL {POSTGRES_MIN} or later is not installed; ./setup.sh installs it"),
        }
    }
}

fn packaged_versions(folder: &Path) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let version = |entry: fs::DirEntry| {
        let folder = entry.path().join("bin");
        let number = entry.file_name().to_str()?.parse().ok()?;
        folder.join("initdb").is_file().then_some((number, folder))
    };
    entries.filter_map(version).collect()
}

fn find(name: &str, chosen: Option<&Path>, flag: &str) -> Result<PathBuf> {
    if let Some(path) = chosen {
        let found = fs::canonicalize(path);
        return found.with_context(|| format!("{name} is not at {}, the path set with {flag}", path.display()));
    }
    on_path(name)
        .with_context(|| format!("{name} is not on PATH; ./setup.sh installs it, or set its path with {flag} FILE"))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
