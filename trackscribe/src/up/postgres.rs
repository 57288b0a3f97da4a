//! Creates the PostgreSQL cluster of a data folder, and the database in it.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
    process::Output,
};

use anyhow::{Context, Result, bail};
use rand::RngCore;
use secrecy::ExposeSecret;
use tokio::process::Command;

use super::{programs::Programs, spec::User};
use crate::setup::{DataDir, Prepared};

pub const NAME: &str = "postgres";

/// Name of the database and of the role that owns it.
const ROLE: &str = "trackscribe";

/// Folder of the clusters that root creates. PostgreSQL refuses to run as root, and other users cannot enter root's home.
const ROOT_CLUSTERS: &str = "/var/lib/trackscribe";

/// Users that may run PostgreSQL for root, in order of preference.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// A cluster that can be started.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub folder: PathBuf,
    /// Folder of `postgres`, `initdb` and the client programs.
    pub programs: PathBuf,
    /// The user that runs it, if not the current one.
    pub user: Option<User>,
}

/// Finds the cluster of the data folder, or creates it.
pub async fn prepare(prepared: &Prepared, programs: &Programs) -> Result<Cluster> {
    let user = if rustix::process::geteuid().is_root() {
        Some(unprivileged_user().await?)
    } else {
        None
    };
    let folder = cluster_folder(&prepared.site.data, user)?;
    let major = version_of(&folder)?;
    let cluster = Cluster {
        programs: programs.postgres(major)?,
        folder,
        user,
    };
    if major.is_none() {
        init(&cluster, prepared).await?;
    }
    Ok(cluster)
}

/// Creates the database, unless it exists. PostgreSQL must be ready.
pub async fn create_database(cluster: &Cluster, prepared: &Prepared) -> Result<()> {
    let mut command = Command::new(cluster.programs.join("createdb"));
    command.args([
        "-h",
        "127.0.0.1",
        "-p",
        &prepared.site.ports.postgres.to_string(),
        "-U",
        ROLE,
        "-w",
        ROLE,
    ]);
    command.env("PGPASSWORD", prepared.secrets.postgres_password.expose_secret());
    let output = run(command, cluster).await?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || stderr.contains("already exists") {
        return Ok(());
    }
    bail!("cannot create the database: {}", stderr.trim())
}

/// Whether PostgreSQL accepts connections.
pub async fn is_ready(cluster: &Cluster, port: u16) -> bool {
    let mut command = Command::new(cluster.programs.join("pg_isready"));
    command.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
    run(command, cluster).await.is_ok_and(|output| output.status.success())
}

/// Returns the folder of the cluster. If another user runs PostgreSQL, it is outside the data folder and created here.
fn cluster_folder(data: &DataDir, user: Option<User>) -> Result<PathBuf> {
    let Some(user) = user else { return Ok(data.postgres()) };
    let location = data.postgres_location();
    let folder = match fs::read_to_string(&location) {
        Ok(path) => PathBuf::from(path.trim()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let mut random = [0; 8];
            rand::rng().fill_bytes(&mut random);
            Path::new(ROOT_CLUSTERS).join(hex::encode(random)).join(NAME)
        }
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", location.display())),
    };
    let home = folder
        .parent()
        .with_context(|| format!("{} does not contain the path of a folder", location.display()))?;
    let create = || {
        DirBuilder::new().recursive(true).mode(0o755).create(ROOT_CLUSTERS)?;
        DirBuilder::new().recursive(true).mode(0o700).create(home)?;
        chown(home, Some(user.uid), Some(user.gid))
    };
    create().with_context(|| format!("cannot prepare {} for PostgreSQL", home.display()))?;
    crate::setup::write_secret(&location, &format!("{}\n", folder.display()))?;
    Ok(folder)
}

/// The major version that created the cluster, or `None` if there is no cluster.
fn version_of(folder: &Path) -> Result<Option<u32>> {
    let path = folder.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        text => {
            let text = text.with_context(|| format!("cannot read {}", path.display()))?;
            let major = text
                .trim()
                .parse()
                .with_context(|| format!("{} does not contain a version", path.display()))?;
            Ok(Some(major))
        }
    }
}

/// Creates the cluster in a temporary folder and renames it, so that an incomplete one is never started.
async fn init(cluster: &Cluster, prepared: &Prepared) -> Result<()> {
    let unfinished = cluster.folder.with_extension("unfinished");
    let password = cluster.folder.with_extension("password");
    remove_all(&unfinished)?;
    write_for(
        &password,
        prepared.secrets.postgres_password.expose_secret(),
        cluster.user,
    )
    .with_context(|| format!("cannot write {}", password.display()))?;
    let mut command = Command::new(cluster.programs.join("initdb"));
    command.arg("-D").arg(&unfinished).arg("--pwfile").arg(&password);
    command.args([
        "-U",
        ROLE,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    ]);
    let output = run(command, cluster).await;
    // The password file is not needed any more, even if initdb failed.
    let removed = fs::remove_file(&password);
    let output = output?;
    removed.with_context(|| format!("cannot remove {}", password.display()))?;
    if !output.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    fs::rename(&unfinished, &cluster.folder).with_context(|| format!("cannot create {}", cluster.folder.display()))
}

fn remove_all(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn write_for(path: &Path, text: &str, user: Option<User>) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    match user {
        Some(user) => chown(path, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    }
}

/// Runs a program of PostgreSQL as the cluster's user, with messages in English.
async fn run(mut command: Command, cluster: &Cluster) -> Result<Output> {
    command.current_dir("/").env("LC_ALL", "C.UTF-8").kill_on_drop(true);
    if let Some(user) = cluster.user {
        command.uid(user.uid).gid(user.gid);
    }
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    command.output().await.with_context(|| format!("cannot run {name}"))
}

async fn unprivileged_user() -> Result<User> {
    for name in USERS {
        if let (Some(uid), Some(gid)) = (id("-u", name).await, id("-g", name).await) {
            return Ok(User { uid, gid });
        }
    }
    bail!("PostgreSQL refuses to run as root, and neither the user postgres nor the user nobody exists")
}

/// Runs `id`, which knows every source of users.
async fn id(flag: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([flag, name]).output().await.ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
