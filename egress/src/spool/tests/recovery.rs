use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use domain::UnixNanos;
use media::{JournalEntry, Output, RecorderConfig, TrackRecorder, WallClock};
use serde_json::json;

use super::support::*;
use crate::spool::*;

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
    let open = unfinished(&spool).await;

    drop(folder);
    let mut found = unfinished(&spool).await;

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
        } = unfinished(&spool).await.remove(0);
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
    let left = unfinished(&spool).await.remove(0);
    let file = continue_recording(&left.folder, journal, left.audio).await;
    drop(left.folder);

    let again = unfinished(&spool).await.remove(0).folder.finish().await.unwrap();

    assert_eq!(again.sha256, file.sha256);
}

#[tokio::test]
async fn a_journal_without_audio_is_forgotten() {
    let root = tempfile::tempdir().unwrap();
    let path = left_folder(&root, b"OggS", b"{\"samples\":5}\n");
    let spool = open(&root);

    let found = unfinished(&spool).await.remove(0);

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

    let found = unfinished(&spool).await.remove(0);
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
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path));
    let damages: [Damage<'_>; 10] = [
        ("a request of a newer program", &|path| {
            fs::write(path.join("request.json"), r#"{"version":2}"#).unwrap()
        }),
        ("a state of a newer program", &|path| {
            fs::write(path.join("state.json"), r#"{"version":2}"#).unwrap()
        }),
        ("an endless state", &|path| {
            fs::write(path.join("state.json"), vec![b' '; 2 << 20]).unwrap()
        }),
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
        let path = left_folder(&root, &torn_audio(), b"{}\ntorn");
        let sound = root.path().join("EG_2");
        fs::create_dir(&sound).unwrap();
        fs::copy(path.join("request.json"), sound.join("request.json")).unwrap();
        apply(&path);
        let before = contents(&path);
        let spool = open(&root);

        let first = unfinished(&spool).await;
        let second = unfinished(&spool).await;

        let ids: Vec<_> = first.iter().map(|found| found.id.as_str()).collect();
        assert_eq!((ids.as_slice(), second.len()), (&["EG_2"][..], 0), "{damage}");
        assert_eq!(contents(&path), before, "{damage}");
    }
}

/// Audio whose last page was not written whole.
fn torn_audio() -> Vec<u8> {
    let mut audio = recording().0.concat();
    audio.truncate(audio.len() - 10);
    audio
}

/// The files of a folder with their sizes.
fn contents(folder: &Path) -> Vec<(String, u64)> {
    let size = |name: String| {
        let size = fs::symlink_metadata(folder.join(&name)).unwrap().len();
        (name, size)
    };
    names(folder).into_iter().map(size).collect()
}

#[test]
fn a_leftover_that_cannot_be_removed_is_in_nobodys_way() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join(".new-instance"), "a file, not a folder").unwrap();
    std::os::unix::fs::symlink("/proc", root.path().join(".removed-EG_1")).unwrap();

    let spool = open(&root);

    assert_eq!(spool.instance().len(), 8);
    assert!(root.path().join(".removed-EG_1").exists());
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
    assert!(unfinished(&spool).await.is_empty());
    let _created = create(&spool).await;
}
