//! The behaviour that every store must have; callers of the trait can rely on it.
#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod folder_only;
mod s3_only;

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use domain::ObjectKey;
use futures::{StreamExt, future::join_all};
use objects::{Body, ByteRange, FolderConfig, ObjectError, Objects, Put, StoreConfig, probe};
use sha2::{Digest, Sha256};
use test_support::S3Server;

/// A store, and the value that owns its folder or server.
struct Fixture {
    store: Objects,
    _owner: Arc<dyn std::any::Any>,
}

fn folder() -> Fixture {
    let root = tempfile::tempdir().unwrap();
    let config = StoreConfig::Folder(FolderConfig {
        root: root.path().join("objects"),
    });
    Fixture {
        store: objects::open(&config).unwrap(),
        _owner: Arc::new(root),
    }
}

async fn s3() -> Fixture {
    let server = S3Server::start().await;
    let store = objects::open(&StoreConfig::S3(server.config())).unwrap();
    Fixture {
        store,
        _owner: Arc::new(server),
    }
}

fn key(key: &str) -> ObjectKey {
    ObjectKey::parse(key).unwrap()
}

async fn content(store: &Objects, name: &str) -> Bytes {
    store.get(&key(name), None).await.unwrap().read(u64::MAX).await.unwrap()
}

#[tokio::test]
async fn a_folder_behaves_like_every_store() {
    check_all(&folder().store).await;
}

#[tokio::test]
async fn an_s3_server_behaves_like_every_store() {
    check_all(&s3().await.store).await;
}

/// Checks the whole behaviour.
async fn check_all(store: &Objects) {
    a_stored_object_is_read_back(store).await;
    a_second_write_replaces_the_first(store).await;
    ranges_are_returned_as_requested(store).await;
    missing_objects_are_not_found(store).await;
    a_listing_contains_the_objects_with_the_prefix(store).await;
    deleting_twice_succeeds(store).await;
    a_file_is_uploaded_from_disk(store).await;
    a_missing_source_file_is_an_error_of_its_own(store).await;
    readers_never_see_a_partially_replaced_object(store).await;
    a_probe_is_read_by_its_writers_name(store).await;
    keys_that_need_encoding_are_preserved(store).await;
    the_store_knows_the_digest_of_what_it_stores(store).await;
    a_file_that_changed_is_not_stored(store).await;
}

async fn a_stored_object_is_read_back(store: &Objects) {
    let stored = store
        .put(
            &key("a/b/hello.txt"),
            Body::from("hello".to_owned()),
            "text/plain; charset=utf-8",
        )
        .await
        .unwrap();

    let head = store.head(&key("a/b/hello.txt")).await.unwrap().unwrap();
    let object = store.get(&key("a/b/hello.txt"), None).await.unwrap();

    assert_eq!(stored.size_bytes, 5);
    assert!(stored.location.ends_with("/a/b/hello.txt"), "{}", stored.location);
    assert_eq!(
        (head.size_bytes, head.content_type.as_str()),
        (5, "text/plain; charset=utf-8")
    );
    assert!(head.modified_at.is_some());
    assert_eq!((object.total_bytes, object.range.clone()), (5, 0..5));
    assert_eq!(object.content_type, head.content_type);
    assert_eq!(object.read(5).await.unwrap(), "hello");
    let object = store.get(&key("a/b/hello.txt"), None).await.unwrap();
    assert!(matches!(object.read(4).await, Err(ObjectError::TooLong { .. })));
}

async fn a_second_write_replaces_the_first(store: &Objects) {
    for text in ["first and longer", "second", ""] {
        store
            .put(&key("replaced.json"), Body::from(text.to_owned()), "application/json")
            .await
            .unwrap();

        assert_eq!(content(store, "replaced.json").await, text);
    }
}

async fn ranges_are_returned_as_requested(store: &Objects) {
    store
        .put(&key("digits.ogg"), Body::from("0123456789".to_owned()), "audio/ogg")
        .await
        .unwrap();
    let table: [(ByteRange, Range<u64>, &str); 5] = [
        (ByteRange::From { first: 7 }, 7..10, "789"),
        (ByteRange::Within { first: 0, last: 0 }, 0..1, "0"),
        (ByteRange::Within { first: 2, last: 4 }, 2..5, "234"),
        (ByteRange::Within { first: 8, last: 500 }, 8..10, "89"),
        (ByteRange::Last { count: 3 }, 7..10, "789"),
    ];

    for (range, served, text) in table {
        let object = store.get(&key("digits.ogg"), Some(range)).await.unwrap();
        assert_eq!((object.range.clone(), object.total_bytes), (served, 10), "{range:?}");
        assert_eq!(object.read(10).await.unwrap(), text, "{range:?}");
    }
    let beyond = store
        .get(&key("digits.ogg"), Some(ByteRange::From { first: 10 }))
        .await
        .unwrap_err();
    assert!(
        matches!(beyond, ObjectError::OutOfRange { total_bytes: 10, .. }),
        "{beyond:?}"
    );
}

async fn missing_objects_are_not_found(store: &Objects) {
    let nothing = key("no/such.ogg");

    let errors = [
        store.get(&nothing, None).await.unwrap_err(),
        store
            .get(&nothing, Some(ByteRange::From { first: 1 }))
            .await
            .unwrap_err(),
    ];
    for nothing in [nothing, key("a/b")] {
        assert_eq!(store.head(&nothing).await.unwrap(), None);
    }

    for error in errors {
        assert!(error.is_not_found() && !error.is_transient(), "{error:?}");
    }
}

async fn a_listing_contains_the_objects_with_the_prefix(store: &Objects) {
    for name in ["list/x/2.ogg", "list/x/1.ogg", "list/xy.ogg", "list/z"] {
        store
            .put(&key(name), Body::from(name.to_owned()), "audio/ogg")
            .await
            .unwrap();
    }
    let names = async |prefix: &str| -> Vec<String> {
        let listing = store.list(prefix).await.unwrap();
        listing.into_iter().map(|listed| listed.key.to_string()).collect()
    };

    assert_eq!(names("list/x/").await, ["list/x/1.ogg", "list/x/2.ogg"]);
    assert_eq!(names("list/x").await, ["list/x/1.ogg", "list/x/2.ogg", "list/xy.ogg"]);
    assert_eq!(store.list("list/z").await.unwrap()[0].size_bytes, 6);
    assert!(names("list/nothing/").await.is_empty());
    assert!(names("").await.len() >= 4);
}

async fn deleting_twice_succeeds(store: &Objects) {
    store
        .put(&key("gone.ogg"), Body::from("x".to_owned()), "audio/ogg")
        .await
        .unwrap();

    store.delete(&key("gone.ogg")).await.unwrap();
    store.delete(&key("gone.ogg")).await.unwrap();

    assert_eq!(store.head(&key("gone.ogg")).await.unwrap(), None);
}

/// 16 MiB and 7 bytes: two parts in a multipart upload, the last one short.
async fn a_file_is_uploaded_from_disk(store: &Objects) {
    let bytes: Vec<u8> = (0..16 * 1024 * 1024 + 7)
        .map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();

    let from_file = store
        .put(&key("long.ogg"), Body::from(file.path()), "audio/ogg")
        .await
        .unwrap();
    let from_memory = store
        .put(&key("long2.ogg"), Body::from(bytes.clone()), "audio/ogg")
        .await
        .unwrap();

    assert_eq!(
        (from_file.size_bytes, from_memory.size_bytes),
        (bytes.len() as u64, bytes.len() as u64)
    );
    for name in ["long.ogg", "long2.ogg"] {
        assert!(content(store, name).await == bytes, "{name} was changed");
        let info = store.head(&key(name)).await.unwrap().unwrap();
        assert_eq!(info.content_type, "audio/ogg");
        assert_eq!(info.sha256.unwrap(), hex::encode(Sha256::digest(&bytes)));
    }
}

async fn a_missing_source_file_is_an_error_of_its_own(store: &Objects) {
    let body = Body::File("/nowhere/at/all.ogg".into());

    let error = store
        .put(&key("from-nowhere.ogg"), body, "audio/ogg")
        .await
        .unwrap_err();

    assert!(matches!(error, ObjectError::Source { .. }), "{error:?}");
    assert_eq!(store.head(&key("from-nowhere.ogg")).await.unwrap(), None);
}

async fn readers_never_see_a_partially_replaced_object(store: &Objects) {
    const SIZE: usize = 300_000;
    let put = async |letter: u8| {
        store
            .put(&key("torn.ogg"), Body::from(vec![letter; SIZE]), "audio/ogg")
            .await
            .unwrap()
    };
    put(b'a').await;

    let writers = join_all((0..8).map(|n| put(b'a' + n)));
    let readers = join_all((0..16).map(|_| content(store, "torn.ogg")));
    let (_, seen) = futures::join!(writers, readers);

    for whole in seen {
        assert!(whole.len() == SIZE && whole.iter().all(|letter| *letter == whole[0]));
    }
}

async fn a_probe_is_read_by_its_writers_name(store: &Objects) {
    let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    assert_eq!(probe::read(&**store, "egress").await.unwrap(), None);

    probe::write(&**store, "egress", now).await.unwrap();
    probe::round_trip(&**store, "worker", now).await.unwrap();

    assert_eq!(probe::read(&**store, "egress").await.unwrap(), Some(now));
    assert_eq!(store.list(".trackscribe/probe/").await.unwrap().len(), 1);
}

async fn keys_that_need_encoding_are_preserved(store: &Objects) {
    for name in [
        "odd/a b+c%20d.ogg",
        "odd/..%2F..%2Fetc%2Fzo%C3%AB.ogg",
        "odd/zoë~!*'();:@&=$,?#[].ogg",
        "odd/...ogg",
    ] {
        store
            .put(&key(name), Body::from(name.to_owned()), "audio/ogg")
            .await
            .unwrap();
        let mut object = store.get(&key(name), None).await.unwrap();

        assert_eq!(object.stream.next().await.unwrap().unwrap(), name);
        assert_eq!(store.list(name).await.unwrap()[0].key.as_str(), name);
    }
}

async fn the_store_knows_the_digest_of_what_it_stores(store: &Objects) {
    for (name, size) in [("digest/short", 5), ("digest/empty", 0)] {
        let content = vec![b'x'; size];
        let sha256 = hex::encode(Sha256::digest(&content));

        store.put(&key(name), Body::from(content), "audio/ogg").await.unwrap();
        let info = store.head(&key(name)).await.unwrap().unwrap();

        assert_eq!(
            (info.size_bytes, info.sha256.as_ref()),
            (size as u64, Some(&sha256)),
            "{name}"
        );
        assert_eq!(store.size(&key(name)).await.unwrap(), Some(size as u64));
        assert_eq!(objects::digest::read(&**store, &key(name)).await.unwrap(), sha256);
    }
}

async fn a_file_that_changed_is_not_stored(store: &Objects) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "changed").unwrap();
    let put = Put {
        key: &key("changed.ogg"),
        body: Body::from(file.path()),
        content_type: "audio/ogg",
        sha256: Some(&hex::encode(Sha256::digest("original"))),
        ledger: None,
    };

    let error = store.put_object(put).await.unwrap_err();

    assert!(matches!(error, ObjectError::SourceChanged { .. }), "{error:?}");
    assert_eq!(store.head(&key("changed.ogg")).await.unwrap(), None);
}
