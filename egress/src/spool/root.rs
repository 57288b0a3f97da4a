//! The folder of all recordings that are not stored yet.

use std::{io, path::PathBuf, sync::Arc};

use domain::PlatformCaptureId as EgressId;
use media::{JournalEntry, ogg::FileTail};
use serde::Serialize;
use serde_json::Value;
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{
    EgressFolder, SpaceLevel, SpoolError, SpoolSpace,
    disk::{Disk, RealDisk},
    folder::answer,
    root_files,
    shared::Shared,
    writer::Command,
};

/// Longest egress id; LiveKit's have 15 characters, and file systems allow 255.
const MAX_ID: usize = 200;

/// Settings of a spool.
#[derive(Clone, Debug)]
pub struct SpoolConfig {
    pub root: PathBuf,
    /// With less free space than this, [`Spool::space`] is low.
    pub min_free_bytes: u64,
    /// The most audio of all folders together that waits in memory while the disk is full.
    pub max_backlog_bytes: u64,
}

/// The open spool. Clones share it.
#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<Shared>,
}

/// An egress that an earlier process did not finish.
#[derive(Debug)]
pub struct UnfinishedEgress {
    pub id: EgressId,
    pub folder: EgressFolder,
    pub request: Value,
    /// The credentials that came with the request.
    pub credentials: Option<Value>,
    pub state: Option<Value>,
    pub journal: Vec<JournalEntry>,
    /// The end of the audio; `None` if there is no audio.
    pub audio: Option<FileTail>,
}

impl Spool {
    /// Creates the folder if it does not exist, and locks it until the last clone and the last folder are dropped.
    ///
    /// # Errors
    /// The folder is not writable, or another process uses it.
    pub fn open(config: SpoolConfig) -> Result<Self, SpoolError> {
        Self::open_on(config, Arc::new(RealDisk::default()))
    }

    pub(super) fn open_on(config: SpoolConfig, disk: Arc<dyn Disk>) -> Result<Self, SpoolError> {
        let lock = root_files::lock(&config.root)?;
        let root = config.root.clone();
        let shared = Shared::start(config, disk, lock).map_err(|source| SpoolError::unusable(&root, source))?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// A short random name of this spool, the same after a restart.
    pub fn instance(&self) -> &str {
        &self.shared.instance
    }

    /// Creates the folder of an egress. It is on stable storage when this returns. Fails if it exists.
    pub async fn create(
        &self,
        id: &EgressId,
        request: &impl Serialize,
        credentials: Option<&impl Serialize>,
    ) -> io::Result<EgressFolder> {
        let name = folder_name(id)?;
        let request = serde_json::to_vec(request)?;
        let credentials = credentials.map(serde_json::to_vec).transpose()?;
        let shared = Arc::clone(&self.shared);
        let create = move || shared.create(name, &request, credentials.as_deref());
        spawn_blocking(create).await?
    }

    /// Returns the egresses whose folders nobody in this process has open.
    pub async fn closed(&self) -> Vec<EgressId> {
        let (reply, closed) = oneshot::channel();
        self.shared.send(Command::Barrier(reply));
        if answer(closed).await.is_err() {
            return Vec::new();
        }
        let closed = self.shared.closed_folders().into_iter();
        closed.map(EgressId::from).collect()
    }

    /// Repairs a folder that nobody has open, and opens it. A damaged folder is kept and named in the log.
    pub async fn take_up(&self, id: EgressId) -> Option<UnfinishedEgress> {
        let shared = Arc::clone(&self.shared);
        let take_up = spawn_blocking(move || shared.take_up(id.as_str().to_owned())).await;
        take_up.unwrap_or_else(|panic| {
            tracing::error!(%panic, "cannot repair the folder of an egress; it is kept");
            None
        })
    }

    /// Returns how much room is left.
    pub fn space(&self) -> SpoolSpace {
        let shared = &self.shared;
        let free_bytes =
            rustix::fs::statvfs(shared.root()).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        let level = if shared.gauges.is_failing() {
            SpaceLevel::Full
        } else if free_bytes < shared.config.min_free_bytes {
            SpaceLevel::Low
        } else {
            SpaceLevel::Enough
        };
        SpoolSpace {
            free_bytes,
            backlog_bytes: shared.gauges.backlog_bytes(),
            level,
            oldest: shared.oldest(),
            last_sync: shared.gauges.last_sync(),
        }
    }
}

/// Ids come from requests, so one that could leave the root is refused.
fn folder_name(id: &EgressId) -> io::Result<String> {
    let id = id.as_str();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(is_plain) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the egress id is not a valid folder name",
        ));
    }
    Ok(id.to_owned())
}
