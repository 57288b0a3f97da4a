use std::{fs, io, sync::atomic::Ordering};

use bytes::Bytes;

use super::support::*;
use crate::spool::*;

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
