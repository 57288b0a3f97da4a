//! Behaviour of folders only: symbolic links, temporary files and conflicting keys.

use std::{fs, os::unix::fs::symlink};

use objects::{Body, FolderConfig, ObjectError, Objects, StoreConfig};

use crate::key;

struct FolderFixture {
    store: Objects,
    folder: tempfile::TempDir,
}

impl FolderFixture {
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
    let fixture = FolderFixture::new();
    fixture.link("outside", "door");
    fixture.link("outside/secret", "peephole");
    fixture.link("nowhere", "dangling");

    let errors = [
        fixture.store.get(&key("door/secret"), None).await.unwrap_err(),
        fixture.store.get(&key("peephole"), None).await.unwrap_err(),
        fixture.store.head(&key("peephole")).await.unwrap_err(),
        fixture.store.delete(&key("door/secret")).await.unwrap_err(),
        fixture
            .store
            .put(&key("door/new"), text("x"), "text/plain")
            .await
            .unwrap_err(),
        fixture
            .store
            .put(&key("door/deep/new"), text("x"), "text/plain")
            .await
            .unwrap_err(),
        fixture
            .store
            .put(&key("dangling/new"), text("x"), "text/plain")
            .await
            .unwrap_err(),
    ];

    for error in errors {
        assert!(matches!(error, ObjectError::BadKey { .. }), "{error:?}");
    }
    assert!(fixture.store.list("").await.unwrap().is_empty());
    assert!(fixture.store.list("door/").await.unwrap().is_empty());
    assert!(fixture.store.list("../outside/").await.unwrap().is_empty());
    assert_eq!(fs::read_dir(fixture.folder.path().join("outside")).unwrap().count(), 1);
    assert!(!fixture.folder.path().join("nowhere").exists());
}

#[tokio::test]
async fn a_write_to_a_symbolic_link_replaces_the_link_and_not_its_target() {
    let fixture = FolderFixture::new();
    fixture.link("outside/secret", "peephole");

    fixture
        .store
        .put(&key("peephole"), text("mine"), "text/plain")
        .await
        .unwrap();

    assert_eq!(
        fs::read_to_string(fixture.folder.path().join("outside/secret")).unwrap(),
        "secret"
    );
    assert_eq!(crate::content(&fixture.store, "peephole").await, "mine");
}

#[tokio::test]
async fn a_temporary_file_left_by_a_crash_is_not_an_object() {
    let fixture = FolderFixture::new();
    fixture
        .store
        .put(&key("a/whole.ogg"), text("whole"), "audio/ogg")
        .await
        .unwrap();
    fs::write(fixture.folder.path().join("objects/a/.unfinished-1-2-3"), "ha").unwrap();

    let listing = fixture.store.list("a/").await.unwrap();
    let read = fixture.store.get(&key("a/.unfinished-1-2-3"), None).await.unwrap_err();

    assert_eq!(listing.len(), 1);
    assert!(matches!(read, ObjectError::BadKey { .. }), "{read:?}");
}

#[tokio::test]
async fn a_failed_write_leaves_no_file() {
    let fixture = FolderFixture::new();
    fixture.store.put(&key("file"), text("x"), "text/plain").await.unwrap();
    fixture
        .store
        .put(&key("folder/file"), text("x"), "text/plain")
        .await
        .unwrap();
    let too_long = format!("long/{}", "x".repeat(300));

    let below_a_file = fixture
        .store
        .put(&key("file/below"), text("x"), "text/plain")
        .await
        .unwrap_err();
    let over_a_folder = fixture
        .store
        .put(&key("folder"), text("x"), "text/plain")
        .await
        .unwrap_err();
    let name_too_long = fixture
        .store
        .put(&key(&too_long), text("x"), "text/plain")
        .await
        .unwrap_err();

    for error in [below_a_file, over_a_folder, name_too_long] {
        assert!(matches!(error, ObjectError::BadKey { .. }), "{error:?}");
    }
    assert_eq!(fixture.store.list("").await.unwrap().len(), 2);
    let left = fs::read_dir(fixture.folder.path().join("objects/long"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "a temporary file was left");
}
