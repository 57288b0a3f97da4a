//! The thread that writes for all folders.
//!
//! Pages are written as they come; whatever waits at the same time is written together. A write that fails stays in
//! memory, in its place in the order, and is tried again.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    disk::Disk,
    open_folder::{Item, OpenFolder, Reply},
    space::Gauges,
    syncer::{self, SyncJob, Then},
};
use crate::critical;

/// How long after a failed write the next one is tried. Space comes back in seconds; trying costs one call.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// The oldest byte that is not on stable storage is at most this old when the group sync begins. With the sync itself
/// that makes about a second.
const SYNC_INTERVAL: Duration = Duration::from_millis(900);

/// Identifies an open folder.
pub(super) type FolderKey = u64;

pub(super) enum Command {
    Open(FolderKey, Box<OpenFolder>),
    Queue(FolderKey, Item),
    /// Forgets the folder and what waits for it.
    Forget(FolderKey, Reply<()>),
    /// Is answered when everything before is done.
    Barrier(Reply<()>),
}

struct Writer {
    disk: Arc<dyn Disk>,
    gauges: Arc<Gauges>,
    syncs: mpsc::Sender<SyncJob>,
    folders: HashMap<FolderKey, OpenFolder>,
    /// Folders with something to do.
    waiting: BTreeSet<FolderKey>,
    /// Folders with bytes that are not on stable storage.
    dirty: BTreeSet<FolderKey>,
    retry_at: Option<Instant>,
    sync_at: Option<Instant>,
    barriers: Vec<Reply<()>>,
    on_close: Box<dyn Fn(FolderKey) + Send>,
}

/// Starts both threads of the spool. They end when the sender is dropped, after a last attempt to write what waits.
/// `on_close` is called for each folder whose last handle is gone, once everything is written.
pub(super) fn start(
    disk: Arc<dyn Disk>,
    gauges: Arc<Gauges>,
    on_close: Box<dyn Fn(FolderKey) + Send>,
) -> io::Result<(mpsc::Sender<Command>, JoinHandle<()>)> {
    let (syncs, sync_thread) = syncer::start(Arc::clone(&disk), Arc::clone(&gauges))?;
    let (sender, commands) = mpsc::channel();
    let writer = Writer {
        disk,
        gauges,
        syncs,
        folders: HashMap::new(),
        waiting: BTreeSet::new(),
        dirty: BTreeSet::new(),
        retry_at: None,
        sync_at: None,
        barriers: Vec::new(),
        on_close,
    };
    let thread = std::thread::Builder::new().name("spool-write".into()).spawn(move || {
        critical::run("the thread that writes recordings", || writer.run(&commands));
        let _ended = sync_thread.join();
    })?;
    Ok((sender, thread))
}

impl Writer {
    fn run(mut self, commands: &mpsc::Receiver<Command>) {
        while let Some(first) = self.next(commands) {
            first
                .into_iter()
                .chain(commands.try_iter())
                .for_each(|command| self.accept(command));
            self.write_waiting();
            self.sync_due();
        }
        self.retry_at = None;
        self.write_waiting();
        self.sync(Then::Nothing);
        let lost = self.gauges.backlog_bytes();
        if lost > 0 {
            tracing::error!(
                bytes = lost,
                "the spool could not write {lost} bytes of recordings before the end"
            );
        }
    }

    /// Waits for a command or a deadline. Returns `None` once there are no senders any more.
    fn next(&self, commands: &mpsc::Receiver<Command>) -> Option<Option<Command>> {
        let Some(deadline) = [self.retry_at, self.sync_at].into_iter().flatten().min() else {
            return commands.recv().ok().map(Some);
        };
        match commands.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(command) => Some(Some(command)),
            Err(mpsc::RecvTimeoutError::Timeout) => Some(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
        }
    }

    fn accept(&mut self, command: Command) {
        match command {
            Command::Open(key, folder) => {
                self.folders.insert(key, *folder);
            }
            Command::Queue(key, item) => match self.folders.get_mut(&key) {
                Some(folder) => {
                    folder.queue.push_back(item);
                    self.waiting.insert(key);
                }
                None => self.refuse(item),
            },
            Command::Forget(key, reply) => {
                self.forget(key);
                let _nobody_waits = reply.send(Ok(()));
            }
            Command::Barrier(reply) => self.barriers.push(reply),
        }
    }

    /// Answers what comes after the folder was removed.
    fn refuse(&self, item: Item) {
        match item {
            Item::Write(_, bytes) => self.gauges.unqueued(bytes.len()),
            Item::Flush(reply) => drop(reply.send(Err(io::ErrorKind::NotFound.into()))),
            Item::Finish(reply) => drop(reply.send(Err(io::ErrorKind::NotFound.into()))),
            Item::Close => {}
        }
    }

    fn forget(&mut self, key: FolderKey) {
        if let Some(folder) = self.folders.remove(&key) {
            self.gauges.unqueued(folder.waiting_bytes());
        }
        self.waiting.remove(&key);
        self.dirty.remove(&key);
    }

    /// Does what waits, unless the last attempt failed just now.
    fn write_waiting(&mut self) {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        self.retry_at = None;
        for key in std::mem::take(&mut self.waiting) {
            if self.retry_at.is_some() {
                self.waiting.insert(key);
            } else if let Err(error) = self.advance(key) {
                self.failed(key, &error);
            }
        }
        if self.retry_at.is_none() && self.gauges.set_failing(false) {
            tracing::info!("the spool can be written again");
        }
        for reply in self.barriers.drain(..) {
            let _nobody_waits = reply.send(Ok(()));
        }
    }

    /// Does what waits for one folder, in order.
    fn advance(&mut self, key: FolderKey) -> io::Result<()> {
        while let Some(folder) = self.folders.get_mut(&key) {
            let (written, outcome) = folder.write_front(&*self.disk);
            self.gauges.unqueued(written);
            if folder.is_dirty() {
                self.dirty.insert(key);
                self.sync_at.get_or_insert_with(|| Instant::now() + SYNC_INTERVAL);
            }
            outcome?;
            let Some(item) = folder.queue.pop_front() else { break };
            self.complete(key, item);
        }
        Ok(())
    }

    /// Everything before `item` is written.
    fn complete(&mut self, key: FolderKey, item: Item) {
        let Some(folder) = self.folders.get_mut(&key) else {
            return;
        };
        let then = match item {
            Item::Write(..) => return,
            Item::Flush(reply) => Then::Flushed(reply),
            Item::Finish(reply) => match folder.end_audio() {
                Ok(finished) => Then::Finished(reply, finished),
                Err(error) => return drop(reply.send(Err(error))),
            },
            Item::Close => Then::Nothing,
        };
        let is_closed = matches!(then, Then::Nothing);
        // another sync of these files may still run, so a flush syncs them even if they look clean
        let files = folder.files();
        self.dirty.remove(&key);
        self.submit(SyncJob { files, then });
        if is_closed {
            self.forget(key);
            (self.on_close)(key);
        }
    }

    /// Keeps what could not be written, and tells those who wait for it. Only `finish` waits on.
    fn failed(&mut self, key: FolderKey, error: &io::Error) {
        self.retry_at = Some(Instant::now() + RETRY_INTERVAL);
        self.waiting.insert(key);
        if self.gauges.set_failing(true) {
            tracing::error!(%error, "the spool cannot be written; recordings are kept in memory until it can");
        }
        let Some(folder) = self.folders.get_mut(&key) else {
            return;
        };
        for item in std::mem::take(&mut folder.queue) {
            match item {
                Item::Flush(reply) => drop(reply.send(Err(io::Error::new(error.kind(), error.to_string())))),
                other => folder.queue.push_back(other),
            }
        }
    }

    /// Syncs all files together once the oldest byte has waited long enough.
    fn sync_due(&mut self) {
        if self.sync_at.is_none_or(|at| Instant::now() < at) {
            return;
        }
        self.sync_at = None;
        if self.gauges.begin_sync() {
            self.sync(Then::Group);
        } else {
            // the disk is slow: the next sync takes everything that was written in the meantime
            self.sync_at = Some(Instant::now() + RETRY_INTERVAL);
        }
    }

    fn sync(&mut self, then: Then) {
        let mut files = Vec::new();
        for key in std::mem::take(&mut self.dirty) {
            files.extend(self.folders.get_mut(&key).into_iter().flat_map(OpenFolder::take_dirty));
        }
        self.submit(SyncJob { files, then });
    }

    fn submit(&self, job: SyncJob) {
        let _ended_at_shutdown = self.syncs.send(job);
    }
}
