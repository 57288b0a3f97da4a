//! What the folders of a spool share: the writer, the gauges, and which of them are open.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use domain::PlatformCaptureId as EgressId;
use sha2::{Digest, Sha256};

use super::{
    EgressFolder, SpoolConfig, UnfinishedEgress,
    create::{AUDIO, JOURNAL, create_folder, open_file},
    disk::Disk,
    open_folder::{GrowingFile, OpenFolder},
    repair::{self, Repaired},
    root_files,
    space::Gauges,
    writer::{self, Command, FolderKey},
};

/// What all folders share. Dropping it waits until everything is written.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: SpoolConfig,
    pub(super) instance: String,
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
    reported: BTreeSet<String>,
}

impl Shared {
    /// Starts the writer. `lock` is kept until it has ended.
    pub(super) fn start(config: SpoolConfig, disk: Arc<dyn Disk>, lock: File) -> io::Result<Self> {
        root_files::sweep(&config.root)?;
        let instance = root_files::instance(&config.root);
        let folders = Arc::new(Mutex::new(Folders {
            created: root_files::folders(&config.root)?,
            ..Folders::default()
        }));
        let gauges = Arc::new(Gauges::default());
        let closing = Arc::clone(&folders);
        let on_close = Box::new(move |key| drop(guard(&closing).open.remove(&key)));
        let (commands, writer) = writer::start(disk, Arc::clone(&gauges), on_close)?;
        Ok(Self {
            config,
            instance,
            gauges,
            commands: Some(commands),
            writer: Some(writer),
            folders,
            next_key: AtomicU64::new(0),
            _lock: lock,
        })
    }

    /// Creates a folder on stable storage and opens it.
    pub(super) fn create(
        self: &Arc<Self>,
        name: String,
        request: &[u8],
        credentials: Option<&[u8]>,
    ) -> io::Result<EgressFolder> {
        create_folder(self.root(), &name, request, credentials)?;
        guard(&self.folders).created.insert(name.clone(), SystemTime::now());
        self.open_new(name)
    }

    /// Returns the age of the oldest folder.
    pub(super) fn oldest(&self) -> Option<Duration> {
        let oldest = guard(&self.folders).created.values().min().copied();
        oldest.map(|created| created.elapsed().unwrap_or_default())
    }

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

    /// Returns the names of the folders that nobody has open.
    pub(super) fn closed_folders(&self) -> Vec<String> {
        let folders = guard(&self.folders);
        let is_open = |name: &&String| folders.open.values().any(|open| open == *name);
        folders.created.keys().filter(|name| !is_open(name)).cloned().collect()
    }

    /// Repairs and opens a folder. A damaged one is named in the log, once.
    pub(super) fn take_up(self: &Arc<Self>, name: String) -> Option<UnfinishedEgress> {
        let path = self.root().join(&name);
        match repair::repair(&path) {
            Ok(repaired) => Some(self.open_repaired(name, repaired)),
            Err(error) => {
                if guard(&self.folders).reported.insert(name) {
                    tracing::error!(
                        "cannot continue the recording in {}: {error}. It is kept; {}",
                        path.display(),
                        error.remedy(&path)
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
