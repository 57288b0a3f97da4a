//! The folder of all recordings that are not stored yet.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::SystemTime,
};

use domain::EgressId;
use media::{JournalEntry, ogg::FileTail};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{
    EgressFolder, SpaceLevel, SpoolError, SpoolSpace,
    create::{AUDIO, JOURNAL, create_folder, open_file},
    disk::{Disk, RealDisk},
    folder::answer,
    open_folder::{GrowingFile, OpenFolder},
    repair::{self, Repaired},
    root_files,
    space::Gauges,
    writer::{self, Command, FolderKey},
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

/// What all folders share. Dropping it waits until everything is written.
#[derive(Debug)]
pub(super) struct Shared {
    config: SpoolConfig,
    instance: String,
    pub(super) gauges: Arc<Gauges>,
    commands: Option<mpsc::Sender<Command>>,
    writer: Option<JoinHandle<()>>,
    folders: Arc<Mutex<Folders>>,
    next_key: AtomicU64,
    /// Closed, and thereby unlocked, after the writer has ended.
    _lock: File,
}

/// The folders by name.
#[derive(Debug, Default)]
struct Folders {
    open: HashMap<FolderKey, String>,
    /// When each was created.
    created: BTreeMap<String, SystemTime>,
    /// Damaged ones that were named in the log.
    reported: std::collections::BTreeSet<String>,
}

impl Spool {
    /// Creates the folder if it does not exist, and locks it until the last clone and the last folder are dropped.
    ///
    /// # Errors
    /// The folder is not writable, or another process uses it.
    pub fn open(config: SpoolConfig) -> Result<Self, SpoolError> {
        Self::open_on(config, Arc::new(RealDisk))
    }

    pub(super) fn open_on(config: SpoolConfig, disk: Arc<dyn Disk>) -> Result<Self, SpoolError> {
        let lock = root_files::lock(&config.root)?;
        let root = config.root.clone();
        let unusable = |source| SpoolError::unusable(&root, source);
        root_files::sweep(&config.root).map_err(unusable)?;
        let instance = root_files::instance(&config.root).map_err(unusable)?;
        let folders = Arc::new(Mutex::new(Folders {
            created: folders_with_age(&config.root).map_err(unusable)?,
            ..Folders::default()
        }));
        let gauges = Arc::new(Gauges::default());
        let closing = Arc::clone(&folders);
        let on_close = Box::new(move |key| drop(guard(&closing).open.remove(&key)));
        let (commands, writer) = writer::start(disk, Arc::clone(&gauges), on_close).map_err(unusable)?;
        let shared = Shared {
            config,
            instance,
            gauges,
            commands: Some(commands),
            writer: Some(writer),
            folders,
            next_key: AtomicU64::new(0),
            _lock: lock,
        };
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
        let create = move || {
            create_folder(shared.root(), &name, &request, credentials.as_deref())?;
            guard(&shared.folders).created.insert(name.clone(), SystemTime::now());
            shared.open_new(name)
        };
        spawn_blocking(create).await?
    }

    /// Repairs and returns the folders that nobody in this process has open. A damaged folder is kept, named in the log
    /// and left out.
    pub async fn unfinished(&self) -> Vec<UnfinishedEgress> {
        let (reply, closed) = oneshot::channel();
        self.shared.send(Command::Barrier(reply));
        if answer(closed).await.is_err() {
            return Vec::new();
        }
        let shared = Arc::clone(&self.shared);
        let repair = move || {
            let closed = shared.closed_folders();
            closed.into_iter().filter_map(|name| shared.take_up(name)).collect()
        };
        spawn_blocking(repair).await.unwrap_or_default()
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
        let oldest = guard(&shared.folders).created.values().min().copied();
        SpoolSpace {
            free_bytes,
            backlog_bytes: shared.gauges.backlog_bytes(),
            level,
            oldest: oldest.map(|created| created.elapsed().unwrap_or_default()),
            last_sync: shared.gauges.last_sync(),
        }
    }
}

impl Shared {
    pub(super) fn root(&self) -> &Path {
        &self.config.root
    }

    pub(super) fn is_backlogged(&self) -> bool {
        self.gauges.backlog_bytes() >= self.config.max_backlog_bytes
    }

    pub(super) fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            let _ended_with_the_process = commands.send(command);
        }
    }

    /// The folder is gone.
    pub(super) fn removed(&self, key: FolderKey, name: &str) {
        let mut folders = guard(&self.folders);
        folders.open.remove(&key);
        folders.created.remove(name);
    }

    fn open_new(self: &Arc<Self>, name: String) -> io::Result<EgressFolder> {
        let path = self.root().join(&name);
        let audio = GrowingFile::new(open_file(&path.join(AUDIO))?, 0, 0);
        let journal = GrowingFile::new(open_file(&path.join(JOURNAL))?, 0, 0);
        Ok(self.register(name, audio, journal, Some(Sha256::new())))
    }

    /// Names of the folders that nobody has open.
    fn closed_folders(&self) -> Vec<String> {
        let folders = guard(&self.folders);
        let is_open = |name: &&String| folders.open.values().any(|open| open == *name);
        folders.created.keys().filter(|name| !is_open(name)).cloned().collect()
    }

    fn take_up(self: &Arc<Self>, name: String) -> Option<UnfinishedEgress> {
        let path = self.root().join(&name);
        match repair::repair(&path) {
            Ok(repaired) => Some(self.open_repaired(name, repaired)),
            Err(error) => {
                if guard(&self.folders).reported.insert(name) {
                    tracing::error!(
                        "cannot continue the recording in {}: {error}. It is kept; once its audio is not needed any more, \
                         remove the folder",
                        path.display()
                    );
                }
                None
            }
        }
    }

    fn open_repaired(self: &Arc<Self>, name: String, repaired: Repaired) -> UnfinishedEgress {
        let id = EgressId::from(name.as_str());
        let digest = (repaired.audio.offset == 0).then(Sha256::new);
        UnfinishedEgress {
            id,
            folder: self.register(name, repaired.audio, repaired.journal, digest),
            request: repaired.request,
            credentials: repaired.credentials,
            state: repaired.state,
            journal: repaired.entries,
            audio: repaired.tail,
        }
    }

    fn register(
        self: &Arc<Self>,
        name: String,
        audio: GrowingFile,
        journal: GrowingFile,
        digest: Option<Sha256>,
    ) -> EgressFolder {
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        guard(&self.folders).open.insert(key, name.clone());
        let folder = OpenFolder {
            audio_path: self.root().join(&name).join(AUDIO),
            audio,
            journal,
            digest,
            queue: Default::default(),
        };
        self.send(Command::Open(key, Box::new(folder)));
        EgressFolder::new(Arc::clone(self), key, name)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(writer) = self.writer.take() {
            let _ended_or_panicked = writer.join();
        }
    }
}

fn guard(folders: &Mutex<Folders>) -> MutexGuard<'_, Folders> {
    folders.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Lists the folders with the times of their creation.
fn folders_with_age(root: &Path) -> io::Result<BTreeMap<String, SystemTime>> {
    let mut folders = BTreeMap::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
            && entry.file_type()?.is_dir()
        {
            folders.insert(name, repair::created(&entry.path()));
        }
    }
    Ok(folders)
}
