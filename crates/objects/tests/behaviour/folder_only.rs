//! Behaviour of folders only: symbolic links, temporary files and conflicting keys.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    time::Duration,
};

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

#[tokio::test]
async fn only_our_user_can_read_objects() {
    let fixture = FolderFixture::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();

    fixture
        .store
        .put(&key("a/b/memory"), text("x"), "text/plain")
        .await
        .unwrap();
    fixture
        .store
        .put(&key("a/b/copied"), Body::from(file.path()), "text/plain")
        .await
        .unwrap();

    let objects = fixture.folder.path().join("objects");
    let mode = |name: &str| fs::metadata(objects.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a/b/memory"), mode("a/b/copied")), (0o600, 0o600));
    assert_eq!((mode("a"), mode("a/b"), mode("")), (0o700, 0o700, 0o700));
}

#[tokio::test]
async fn old_temporary_files_are_swept_and_nothing_else() {
    let fixture = FolderFixture::new();
    fixture
        .store
        .put(&key("a/whole.ogg"), text("whole"), "audio/ogg")
        .await
        .unwrap();
    let objects = fixture.folder.path().join("objects");
    fs::write(objects.join("a/.unfinished-1-2-3"), "ha").unwrap();
    fs::write(objects.join(".unfinished-4-5-6"), "lf").unwrap();
    fs::write(fixture.folder.path().join("outside/.unfinished-1"), "not ours").unwrap();
    fixture.link("outside", "door");

    let young = fixture.store.sweep(Duration::from_secs(3600)).await.unwrap();
    let old = fixture.store.sweep(Duration::ZERO).await.unwrap();

    assert_eq!((young, old), (0, 2));
    assert_eq!(crate::content(&fixture.store, "a/whole.ogg").await, "whole");
    assert!(fixture.folder.path().join("outside/.unfinished-1").exists());
}

#[tokio::test]
async fn a_folder_whose_disk_is_not_mounted_holds_no_answer_and_takes_no_object() {
    let fixture = FolderFixture::new();
    let objects = fixture.folder.path().join("objects");
    fixture.store.put(&key("a.ogg"), text("a"), "audio/ogg").await.unwrap();
    fs::rename(&objects, fixture.folder.path().join("elsewhere")).unwrap();

    let gone = fixture.store.head(&key("a.ogg")).await.unwrap_err();
    fs::create_dir(&objects).unwrap();
    let empty = fixture.store.get(&key("a.ogg"), None).await.unwrap_err();
    let written = fixture
        .store
        .put(&key("b.ogg"), text("b"), "audio/ogg")
        .await
        .unwrap_err();
    fs::remove_dir(&objects).unwrap();
    fs::rename(fixture.folder.path().join("elsewhere"), &objects).unwrap();

    for error in [gone, empty, written] {
        assert!(matches!(error, ObjectError::Unavailable(_)), "{error:?}");
    }
    assert_eq!(crate::content(&fixture.store, "a.ogg").await, "a");
    assert_eq!(fixture.store.head(&key("b.ogg")).await.unwrap(), None);
}
