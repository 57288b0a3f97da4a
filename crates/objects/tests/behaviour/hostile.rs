//! What a folder must refuse, and what a crash may leave in it.

use std::{fs, os::unix::fs::symlink};

use objects::{Body, FolderConfig, ObjectError, Objects, StoreConfig};

use crate::key;

struct Trap {
    store: Objects,
    folder: tempfile::TempDir,
}

impl Trap {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::Folder(FolderConfig {
            root: folder.path().join("objects"),
        });
        fs::create_dir(folder.path().join("outside")).unwrap();
        fs::write(folder.path().join("outside/secret"), "secret").unwrap();
        Self {
            store: objects::open(&config).unwrap(),
            folder,
        }
    }

    fn link(&self, target: &str, name: &str) {
        symlink(
            self.folder.path().join(target),
            self.folder.path().join("objects").join(name),
        )
        .unwrap();
    }
}

fn text(text: &str) -> Body {
    Body::from(text.to_owned())
}

#[tokio::test]
async fn a_symbolic_link_out_of_the_folder_is_neither_read_nor_written_through() {
    let trap = Trap::new();
    trap.link("outside", "door");
    trap.link("outside/secret", "peephole");
    trap.link("nowhere", "dangling");

    let errors = [
        trap.store.get(&key("door/secret"), None).await.unwrap_err(),
        trap.store.get(&key("peephole"), None).await.unwrap_err(),
        trap.store.head(&key("peephole")).await.unwrap_err(),
        trap.store.delete(&key("door/secret")).await.unwrap_err(),
        trap.store
            .put(&key("door/new"), text("x"), "text/plain")
            .await
            .unwrap_err(),
        trap.store
            .put(&key("door/deep/new"), text("x"), "text/plain")
            .await
            .unwrap_err(),
        trap.store
            .put(&key("dangling/new"), text("x"), "text/plain")
            .await
            .unwrap_err(),
    ];

    for error in errors {
        assert!(matches!(error, ObjectError::BadKey { .. }), "{error:?}");
    }
    assert!(trap.store.list("").await.unwrap().is_empty());
    assert!(trap.store.list("door/").await.unwrap().is_empty());
    assert!(trap.store.list("../outside/").await.unwrap().is_empty());
    assert_eq!(fs::read_dir(trap.folder.path().join("outside")).unwrap().count(), 1);
    assert!(!trap.folder.path().join("nowhere").exists());
}

#[tokio::test]
async fn a_put_over_a_link_replaces_the_link_and_not_its_target() {
    let trap = Trap::new();
    trap.link("outside/secret", "peephole");

    trap.store
        .put(&key("peephole"), text("mine"), "text/plain")
        .await
        .unwrap();

    assert_eq!(
        fs::read_to_string(trap.folder.path().join("outside/secret")).unwrap(),
        "secret"
    );
    assert_eq!(crate::content(&trap.store, "peephole").await, "mine");
}

#[tokio::test]
async fn what_a_crash_left_half_written_is_no_object() {
    let trap = Trap::new();
    trap.store
        .put(&key("a/whole.ogg"), text("whole"), "audio/ogg")
        .await
        .unwrap();
    fs::write(trap.folder.path().join("objects/a/.unfinished-1-2-3"), "ha").unwrap();

    let listing = trap.store.list("a/").await.unwrap();
    let read = trap.store.get(&key("a/.unfinished-1-2-3"), None).await.unwrap_err();

    assert_eq!(listing.len(), 1);
    assert!(matches!(read, ObjectError::BadKey { .. }), "{read:?}");
}

#[tokio::test]
async fn a_failed_put_leaves_nothing_behind() {
    let trap = Trap::new();
    trap.store.put(&key("file"), text("x"), "text/plain").await.unwrap();
    trap.store
        .put(&key("folder/file"), text("x"), "text/plain")
        .await
        .unwrap();
    let too_long = format!("long/{}", "x".repeat(300));

    let below_a_file = trap
        .store
        .put(&key("file/below"), text("x"), "text/plain")
        .await
        .unwrap_err();
    let over_a_folder = trap
        .store
        .put(&key("folder"), text("x"), "text/plain")
        .await
        .unwrap_err();
    let name_too_long = trap
        .store
        .put(&key(&too_long), text("x"), "text/plain")
        .await
        .unwrap_err();

    for error in [below_a_file, over_a_folder, name_too_long] {
        assert!(matches!(error, ObjectError::BadKey { .. }), "{error:?}");
    }
    assert_eq!(trap.store.list("").await.unwrap().len(), 2);
    let left = fs::read_dir(trap.folder.path().join("objects/long")).unwrap().count();
    assert_eq!(left, 0, "an unfinished file was left");
}
