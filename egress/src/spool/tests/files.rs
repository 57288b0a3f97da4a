use std::{fs, path::Path};

use bytes::Bytes;
use serde_json::json;

use super::support::*;
use crate::spool::*;

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
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [Path::new("/proc/spool"), file.path()] {
        let error = Spool::open(config(path)).unwrap_err();

        assert!(error.to_string().contains("trackscribe.spool"), "{error}");
    }
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
