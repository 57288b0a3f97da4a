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

use super::{disk::Disk, *};

const NONE: Option<&()> = None;

/// A disk that holds `capacity` more bytes, and whose syncs may fail.
#[derive(Default)]
struct SmallDisk {
    capacity: AtomicU64,
    syncs: AtomicU64,
    cannot_sync: AtomicBool,
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

fn config(root: &Path) -> SpoolConfig {
    SpoolConfig {
        root: root.to_owned(),
        min_free_bytes: 1,
        max_backlog_bytes: 1000,
    }
}

fn open(root: &TempDir) -> Spool {
    Spool::open(config(root.path())).unwrap()
}

fn open_small(root: &TempDir, capacity: u64) -> (Spool, Arc<SmallDisk>) {
    let disk = Arc::new(SmallDisk::default());
    disk.capacity.store(capacity, Ordering::SeqCst);
    let spool = Spool::open_on(config(root.path()), Arc::clone(&disk) as Arc<dyn Disk>).unwrap();
    (spool, disk)
}

async fn create(spool: &Spool) -> EgressFolder {
    spool.create(&"EG_1".into(), &json!({"a": 1}), NONE).await.unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition is not met after 20 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Ten seconds of a recording, and its journal.
fn recording() -> (Vec<Bytes>, Vec<JournalEntry>) {
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

fn packet(n: u32, start: Instant) -> RtpPacket {
    RtpPacket {
        ssrc: Ssrc(7),
        seq_no: SeqNo(u64::from(n)),
        timestamp: n * 960,
        arrival: start + Duration::from_millis(20) * n,
        payload: [&[0x78, b'#'][..], &n.to_be_bytes(), &[0xaa; 40]].concat().into(),
    }
}

/// A folder as a killed process leaves it.
fn left_folder(root: &TempDir, audio: &[u8], journal: &[u8]) -> PathBuf {
    let path = root.path().join("EG_1");
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("request.json"), r#"{"a":1}"#).unwrap();
    fs::write(path.join("recording.ogg"), audio).unwrap();
    fs::write(path.join("journal.ndjson"), journal).unwrap();
    path
}

#[tokio::test]
async fn appended_bytes_are_in_the_files_and_in_the_digest() {
    let root = tempfile::tempdir().unwrap();
    let folder = create(&open(&root)).await;

    folder.append(Bytes::from_static(b"ab"));
    folder.log(&json!({"samples": 1}));
    folder.append(Bytes::from_static(b"c"));
    let file = folder.finish().await.unwrap();

    assert_eq!(fs::read(&file.path).unwrap(), b"abc");
    assert_eq!((file.size_bytes, file.sha256), (3, sha256(b"abc")));
    assert_eq!(
        fs::read(root.path().join("EG_1/journal.ndjson")).unwrap(),
        b"{\"samples\":1}\n"
    );
}

#[tokio::test]
async fn only_the_workers_user_may_read_what_is_spooled() {
    let root = tempfile::tempdir().unwrap();
    let spool = open(&root);
    let folder = spool
        .create(&"EG_1".into(), &json!(1), Some(&json!("secret")))
        .await
        .unwrap();
    folder.save_state(&json!(2)).await.unwrap();

    let path = root.path().join("EG_1");
    let files = names(&path);

    assert_eq!(
        files,
        [
            "credentials.json",
            "journal.ndjson",
            "recording.ogg",
            "request.json",
            "state.json"
        ]
    );
    assert!(files.into_iter().all(|file| mode(path.join(file)) == 0o600));
    assert_eq!((mode(root.path().to_owned()), mode(path)), (0o700, 0o700));
}

#[tokio::test]
async fn an_existing_folder_is_not_overwritten_and_ids_do_not_leave_the_root() {
    let root = tempfile::tempdir().unwrap();
    let spool = open(&root);
    let _first = create(&spool).await;

    for id in ["EG_1", "", "..", ".new-EG_2", "a/b", "../EG_3", "a\0b"] {
        assert!(spool.create(&id.into(), &json!(1), NONE).await.is_err(), "{id:?}");
    }
    assert_eq!(names(root.path()), [".instance", ".lock", "EG_1"]);
}

#[tokio::test]
async fn a_second_worker_on_the_same_folder_is_refused_until_the_first_has_ended() {
    let root = tempfile::tempdir().unwrap();
    let first = open(&root);
    let folder = create(&first).await;
    drop(first);

    let second = Spool::open(config(root.path())).unwrap_err();

    assert!(matches!(second, SpoolError::InUse { .. }));
    assert!(second.to_string().contains("trackscribe.spool"), "{second}");
    drop(folder);
    assert!(Spool::open(config(root.path())).is_ok());
}

#[test]
fn the_error_for_an_unusable_folder_names_its_configuration_key() {
    let error = Spool::open(config(Path::new("/proc/spool"))).unwrap_err();

    assert!(error.to_string().contains("trackscribe.spool"), "{error}");
}

#[test]
fn the_instance_is_the_same_after_a_restart_and_replaced_if_damaged() {
    let root = tempfile::tempdir().unwrap();
    let instance = |root| open(root).instance().to_owned();

    let first = instance(&root);
    assert_eq!(instance(&root), first);
    fs::write(root.path().join(".instance"), "../../etc\n").unwrap();
    let third = instance(&root);

    assert!(third != first && third.len() == 8);
    assert_eq!(instance(&root), third);
}

#[tokio::test]
async fn a_full_disk_delays_audio_and_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let (spool, disk) = open_small(&root, 10);
    let folder = create(&spool).await;

    let mut expected = Vec::new();
    for n in 0..100u8 {
        folder.append(Bytes::from(vec![n; 7]));
        folder.log(&n);
        expected.extend([n; 7]);
    }
    let flushed = folder.flush().await;

    assert_eq!(flushed.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(spool.space().level, SpaceLevel::Full);
    assert!(spool.space().backlog_bytes > 800 && !folder.is_backlogged());
    folder.append(Bytes::from(vec![1; 500]));
    assert!(folder.is_backlogged());

    let finishing = folder.clone();
    let finished = tokio::spawn(async move { finishing.finish().await });
    for _ in 0..3 {
        disk.capacity.fetch_add(333, Ordering::SeqCst);
        wait_until(|| disk.capacity.load(Ordering::SeqCst) == 0).await;
        assert!(!finished.is_finished());
    }
    disk.capacity.store(1 << 30, Ordering::SeqCst);
    let file = finished.await.unwrap().unwrap();

    expected.extend([1; 500]);
    assert_eq!(fs::read(&file.path).unwrap(), expected);
    assert_eq!(file.sha256, sha256(&expected));
    assert_eq!(
        (spool.space().level, spool.space().backlog_bytes),
        (SpaceLevel::Enough, 0)
    );
}

#[tokio::test]
async fn removing_a_folder_on_a_full_disk_frees_its_memory() {
    let root = tempfile::tempdir().unwrap();
    let (spool, _disk) = open_small(&root, 0);
    let folder = create(&spool).await;
    folder.append(Bytes::from(vec![1; 500]));
    let copy = folder.clone();

    folder.remove().await.unwrap();
    copy.append(Bytes::from(vec![1; 500]));
    let flushed = copy.flush().await;

    assert!(flushed.is_err());
    assert_eq!(spool.space().backlog_bytes, 0);
    assert_eq!(names(root.path()), [".instance", ".lock"]);
    assert_eq!(spool.space().oldest, None);
}

#[tokio::test]
async fn what_is_written_is_synced_without_being_asked_and_a_failed_sync_is_reported() {
    let root = tempfile::tempdir().unwrap();
    let (spool, disk) = open_small(&root, 1 << 20);
    let folder = create(&spool).await;

    folder.append(Bytes::from_static(b"a"));
    wait_until(|| disk.syncs.load(Ordering::SeqCst) == 1).await;
    disk.cannot_sync.store(true, Ordering::SeqCst);

    assert!(folder.flush().await.is_err());
    assert!(folder.save_state(&1).await.is_err());
    assert!(!root.path().join("EG_1/state.json").exists());
}

#[tokio::test]
async fn an_unfinished_folder_is_found_as_soon_as_nobody_has_it_open() {
    let root = tempfile::tempdir().unwrap();
    let spool = open(&root);
    let folder = spool
        .create(&"EG_1".into(), &json!({"a": 1}), Some(&json!("key")))
        .await
        .unwrap();
    let (pages, journal) = recording();
    pages.iter().for_each(|page| folder.append(page.clone()));
    journal.iter().for_each(|entry| folder.log(entry));
    folder.save_state(&json!("active")).await.unwrap();
    let open = spool.unfinished().await;

    drop(folder);
    let mut found = spool.unfinished().await;

    assert!(open.is_empty());
    let found = found.remove(0);
    assert_eq!((found.id.as_str(), found.request), ("EG_1", json!({"a": 1})));
    assert_eq!(
        (found.credentials, found.state),
        (Some(json!("key")), Some(json!("active")))
    );
    assert_eq!(found.journal, journal);
    let tail = found.audio.unwrap();
    assert_eq!(tail.valid_bytes as usize, pages.iter().map(Bytes::len).sum::<usize>());
    assert!(tail.modified.is_some());
    assert!(spool.space().oldest.is_some());
}

#[tokio::test]
async fn a_folder_cut_anywhere_is_continued_as_one_file() {
    let (pages, journal) = recording();
    let audio = pages.concat();
    let lines: Vec<u8> = journal
        .iter()
        .flat_map(|entry| serde_json::to_vec(entry).unwrap().into_iter().chain([b'\n']))
        .collect();
    for cut in (0..audio.len())
        .step_by(1999)
        .chain((audio.len() - 60..=audio.len()).step_by(9))
    {
        let root = tempfile::tempdir().unwrap();
        let journal_cut = lines.len() * cut / audio.len();
        left_folder(&root, &audio[..cut], &lines[..journal_cut]);
        let spool = open(&root);

        let UnfinishedEgress {
            folder,
            journal,
            audio: tail,
            ..
        } = spool.unfinished().await.remove(0);
        let unchanged = folder.finish().await.unwrap();
        assert_eq!(
            unchanged.sha256,
            sha256(&fs::read(&unchanged.path).unwrap()),
            "cut at {cut}"
        );
        let file = continue_recording(&folder, journal, tail).await;

        let bytes = fs::read(&file.path).unwrap();
        let summary = media::opus::probe(&bytes[..]).unwrap();
        assert_eq!(summary.damage, Default::default(), "cut at {cut}");
        assert_eq!((file.size_bytes, file.sha256), (bytes.len() as u64, sha256(&bytes)));
    }
}

/// Records another second, as the next process does.
async fn continue_recording(
    folder: &EgressFolder,
    journal: Vec<JournalEntry>,
    tail: Option<media::ogg::FileTail>,
) -> SpooledFile {
    let start = Instant::now();
    let unix_nanos = UnixNanos(1_800_000_012_000_000_000);
    let wall = WallClock {
        instant: start,
        unix_nanos,
    };
    let mut recorder = TrackRecorder::resume(RecorderConfig::new(1, wall), journal, tail.unwrap_or_default());
    for n in 0..50 {
        recorder.handle_packet(packet(n, start));
    }
    recorder.finish(start + Duration::from_secs(1));
    loop {
        match recorder.poll_output() {
            Output::Page(page) => folder.append(page),
            Output::Done(_) => return folder.finish().await.unwrap(),
            Output::Wait(_) | Output::Idle => unreachable!("the recorder is finished"),
        }
    }
}

#[tokio::test]
async fn a_finished_file_that_is_taken_up_again_stays_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let spool = open(&root);
    let (pages, journal) = recording();
    left_folder(&root, &pages.concat(), b"");
    drop(spool);
    let spool = open(&root);
    let unfinished = spool.unfinished().await.remove(0);
    let file = continue_recording(&unfinished.folder, journal, unfinished.audio).await;
    drop(unfinished.folder);

    let again = spool.unfinished().await.remove(0).folder.finish().await.unwrap();

    assert_eq!(again.sha256, file.sha256);
}

#[tokio::test]
async fn a_journal_without_audio_is_forgotten() {
    let root = tempfile::tempdir().unwrap();
    let path = left_folder(&root, b"OggS", b"{\"samples\":5}\n");
    let spool = open(&root);

    let found = spool.unfinished().await.remove(0);

    assert!(found.audio.is_none() && found.journal.is_empty());
    assert_eq!(fs::metadata(path.join("journal.ndjson")).unwrap().len(), 0);
}

#[tokio::test]
async fn damaged_journals_and_states_do_not_keep_audio_from_being_recovered() {
    let (pages, journal) = recording();
    let entry = serde_json::to_string(&journal[0]).unwrap();
    let root = tempfile::tempdir().unwrap();
    let lines = format!("\u{1}garbage\n{entry}\n[1,2]\n{{\"later\":true}}\n\n{entry}");
    let path = left_folder(&root, &pages.concat(), &[lines.as_bytes(), &[0xff, 0]].concat());
    fs::write(path.join("state.json"), "{\"torn").unwrap();
    fs::write(path.join("state.json.new"), "{").unwrap();
    let spool = open(&root);

    let found = spool.unfinished().await.remove(0);
    found.folder.log(&json!({"samples": 1}));
    found.folder.save_state(&json!(1)).await.unwrap();

    assert_eq!(found.journal, [journal[0].clone(), JournalEntry::default()]);
    assert_eq!(found.state, None);
    let text = fs::read(path.join("journal.ndjson")).unwrap();
    assert!(text.ends_with(b"{\"later\":true}\n\n{\"samples\":1}\n"));
    assert_eq!(names(&path).len(), 4);
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_is_kept_and_left_out() {
    let damages: [(&str, &dyn Fn(&Path)); 7] = [
        ("no request", &|path| {
            fs::remove_file(path.join("request.json")).unwrap()
        }),
        ("a damaged request", &|path| {
            fs::write(path.join("request.json"), "{").unwrap()
        }),
        ("an endless request", &|path| {
            fs::write(path.join("request.json"), vec![b' '; 2 << 20]).unwrap()
        }),
        ("a folder as request", &|path| {
            fs::remove_file(path.join("request.json")).unwrap();
            fs::create_dir(path.join("request.json")).unwrap();
        }),
        ("damaged credentials", &|path| {
            fs::write(path.join("credentials.json"), "x").unwrap()
        }),
        ("audio without its start", &|path| {
            let audio = fs::read(path.join("recording.ogg")).unwrap();
            fs::write(path.join("recording.ogg"), &audio[20..]).unwrap();
        }),
        ("a link as audio", &|path| {
            fs::remove_file(path.join("recording.ogg")).unwrap();
            std::os::unix::fs::symlink("/dev/zero", path.join("recording.ogg")).unwrap();
        }),
    ];
    for (damage, apply) in damages {
        let root = tempfile::tempdir().unwrap();
        let path = left_folder(&root, &recording().0.concat(), b"");
        apply(&path);
        let before = names(&path);
        let spool = open(&root);

        assert!(spool.unfinished().await.is_empty(), "{damage}");
        assert!(spool.unfinished().await.is_empty(), "{damage}");
        assert_eq!(names(&path), before, "{damage}");
    }
}

#[tokio::test]
async fn what_a_killed_process_was_creating_or_removing_is_swept() {
    let root = tempfile::tempdir().unwrap();
    for name in [".new-EG_1", ".removed-EG_2"] {
        fs::create_dir(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("recording.ogg"), "x").unwrap();
    }

    let spool = open(&root);

    assert_eq!(names(root.path()), [".instance", ".lock"]);
    assert!(spool.unfinished().await.is_empty());
    let _created = create(&spool).await;
}

#[tokio::test]
async fn many_folders_are_created_and_finished_at_once() {
    let root = tempfile::tempdir().unwrap();
    let spool = open(&root);

    let one = async |n: u32| {
        let folder = spool.create(&format!("EG_{n}").into(), &json!(n), NONE).await.unwrap();
        for page in 0..20u32 {
            folder.append(Bytes::copy_from_slice(&(n * page).to_be_bytes()));
            folder.log(&page);
        }
        folder.finish().await.unwrap().size_bytes
    };
    let sizes = futures::future::join_all((0..100).map(one)).await;

    assert!(sizes.iter().all(|&size| size == 80));
}
