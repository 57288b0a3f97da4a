//! Spools, a disk that is too small, and a recording.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use domain::UnixNanos;
use media::{
    JournalEntry, Output, RecorderConfig, RtpPacket, TrackRecorder, WallClock,
    rtp::{SeqNo, Ssrc},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::spool::{disk::Disk, *};

pub const NONE: Option<&()> = None;

/// A disk that holds `capacity` more bytes, and whose syncs may fail.
#[derive(Default)]
pub struct SmallDisk {
    pub capacity: AtomicU64,
    pub syncs: AtomicU64,
    pub cannot_sync: AtomicBool,
}

impl Disk for SmallDisk {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let room = usize::try_from(self.capacity.load(Ordering::SeqCst)).unwrap();
        let count = bytes.len().min(room);
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.capacity.fetch_sub(count as u64, Ordering::SeqCst);
        file.write_at(&bytes[..count], offset)
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        match self.cannot_sync.load(Ordering::SeqCst) {
            true => Err(io::Error::other("bad sector")),
            false => Ok(()),
        }
    }
}

pub fn config(root: &Path) -> SpoolConfig {
    SpoolConfig {
        root: root.to_owned(),
        min_free_bytes: 1,
        max_backlog_bytes: 1000,
    }
}

pub fn open(root: &TempDir) -> Spool {
    Spool::open(config(root.path())).unwrap()
}

pub fn open_small(root: &TempDir, capacity: u64) -> (Spool, Arc<SmallDisk>) {
    let disk = Arc::new(SmallDisk::default());
    disk.capacity.store(capacity, Ordering::SeqCst);
    let spool = Spool::open_on(config(root.path()), Arc::clone(&disk) as Arc<dyn Disk>).unwrap();
    (spool, disk)
}

pub async fn create(spool: &Spool) -> EgressFolder {
    spool.create(&"EG_1".into(), &json!({"a": 1}), NONE).await.unwrap()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Returns the names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub async fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition is not met after 20 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Ten seconds of a recording, and its journal.
pub fn recording() -> (Vec<Bytes>, Vec<JournalEntry>) {
    let start = Instant::now();
    let unix_nanos = UnixNanos(1_800_000_000_000_000_000);
    let wall = WallClock {
        instant: start,
        unix_nanos,
    };
    let mut recorder = TrackRecorder::new(RecorderConfig::new(1, wall));
    let (mut pages, mut journal) = (Vec::new(), Vec::new());
    for n in 0..500u32 {
        recorder.handle_packet(packet(n, start));
        while let Output::Page(page) = recorder.poll_output() {
            pages.push(page);
        }
        if n % 50 == 49 {
            journal.extend(recorder.take_journal());
        }
    }
    (pages, journal)
}

pub fn packet(n: u32, start: Instant) -> RtpPacket {
    RtpPacket {
        ssrc: Ssrc(7),
        seq_no: SeqNo(u64::from(n)),
        timestamp: n * 960,
        arrival: start + Duration::from_millis(20) * n,
        payload: [&[0x78, b'#'][..], &n.to_be_bytes(), &[0xaa; 40]].concat().into(),
    }
}

/// A folder as a killed process leaves it.
pub fn left_folder(root: &TempDir, audio: &[u8], journal: &[u8]) -> PathBuf {
    let path = root.path().join("EG_1");
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("request.json"), r#"{"a":1}"#).unwrap();
    fs::write(path.join("recording.ogg"), audio).unwrap();
    fs::write(path.join("journal.ndjson"), journal).unwrap();
    path
}

/// Takes up every folder that nobody has open and that is not damaged.
pub async fn unfinished(spool: &Spool) -> Vec<UnfinishedEgress> {
    let mut found = Vec::new();
    for id in spool.closed().await {
        found.extend(spool.take_up(id).await);
    }
    found
}
