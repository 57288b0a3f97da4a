//! Where the programs are that `up` starts.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

/// Where Debian and Ubuntu keep PostgreSQL's programs, one folder a version; none of them is on `PATH`.
const POSTGRES_HOMES: &str = "/usr/lib/postgresql";

/// The oldest PostgreSQL that the schema is for.
const POSTGRES_MIN: u32 = 14;

/// Programs that are not the ones on `PATH`.
#[derive(Clone, Debug, Default, Args)]
pub struct ProgramArgs {
    /// livekit-server, if it is not on PATH
    #[arg(long, env = "TRACKSCRIBE_LIVEKIT_SERVER", value_name = "FILE")]
    livekit_server: Option<PathBuf>,
    /// redis-server, if it is not on PATH
    #[arg(long, env = "TRACKSCRIBE_REDIS_SERVER", value_name = "FILE")]
    redis_server: Option<PathBuf>,
    /// Folder with postgres and initdb, if they are neither on PATH nor where packages put them
    #[arg(long, env = "TRACKSCRIBE_POSTGRES_BIN", value_name = "FOLDER")]
    postgres_bin: Option<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Programs {
    /// This program, as the roles are run by it.
    pub trackscribe: PathBuf,
    pub redis_server: PathBuf,
    pub livekit_server: PathBuf,
    postgres_bin: Option<PathBuf>,
}

impl ProgramArgs {
    pub fn find(&self) -> Result<Programs> {
        Ok(Programs {
            trackscribe: env::current_exe().context("cannot tell where this program is")?,
            redis_server: find("redis-server", self.redis_server.as_deref(), "--redis-server")?,
            livekit_server: find("livekit-server", self.livekit_server.as_deref(), "--livekit-server")?,
            postgres_bin: self.postgres_bin.clone(),
        })
    }
}

impl Programs {
    /// The folder with `postgres` and `initdb` of version `major`, or of the newest there is.
    pub fn postgres(&self, major: Option<u32>) -> Result<PathBuf> {
        if let Some(folder) = &self.postgres_bin {
            return Ok(folder.clone());
        }
        let mut versions = packaged_versions(Path::new(POSTGRES_HOMES));
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

fn packaged_versions(homes: &Path) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(homes).into_iter().flatten().flatten();
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
        return found.with_context(|| format!("{name} is not at {}, which {flag} names", path.display()));
    }
    on_path(name).with_context(|| format!("{name} is not on PATH; ./setup.sh installs it, or name it with {flag} FILE"))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
