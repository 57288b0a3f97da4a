//! Behaviour of S3 stores only: authentication, unavailability and signed URLs.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use objects::{Body, Credentials, Keys, ObjectError, S3Config, StoreConfig, probe};
use secrecy::SecretString;
use test_support::{S3Server, wait_until};

use crate::key;

/// Only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(30);

fn open(config: S3Config) -> objects::Objects {
    objects::open(&StoreConfig::S3(config)).unwrap()
}

#[tokio::test]
async fn a_wrong_secret_and_a_missing_bucket_are_reported_with_what_to_check() {
    let server = S3Server::start().await;
    let wrong_secret = S3Config {
        credentials: Credentials::fixed(Keys {
            secret: SecretString::from("0".repeat(64)),
            ..server.config().credentials.keys().unwrap().clone()
        }),
        ..server.config()
    };
    let wrong_bucket = S3Config {
        bucket: "elsewhere".into(),
        ..server.config()
    };

    let refused = open(wrong_secret)
        .put(&key("a"), Body::from("x".to_owned()), "text/plain")
        .await
        .unwrap_err();
    let nowhere = open(wrong_bucket);
    let unknown = nowhere.head(&key("a")).await.unwrap_err();
    let nowhere = nowhere
        .put(&key("a"), Body::from("x".to_owned()), "text/plain")
        .await
        .unwrap_err();

    assert!(matches!(unknown, ObjectError::NoBucket { .. }), "{unknown:?}");

    assert!(matches!(&refused, ObjectError::Denied { .. }), "{refused:?}");
    assert!(matches!(&nowhere, ObjectError::NoBucket { .. }), "{nowhere:?}");
    for (error, hint) in [(refused, "secret"), (nowhere, "elsewhere")] {
        assert!(error.is_transient(), "{error:?}");
        assert!(error.to_string().contains(hint), "{error}");
        assert!(!format!("{error:?}").contains(&"0".repeat(64)));
    }
}

#[tokio::test]
async fn an_unreachable_store_is_a_transient_error() {
    let server = S3Server::start().await;
    let store = open(server.config());
    drop(server);

    let error = probe::write(&*store, "worker", chrono::DateTime::UNIX_EPOCH)
        .await
        .unwrap_err();

    assert!(error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn urls_are_signed_only_with_a_public_url() {
    let server = S3Server::start().await;
    let hidden = open(server.config());
    let public = open(S3Config {
        public_url: Some("https://audio.example.org/".parse().unwrap()),
        ..server.config()
    });

    let none = hidden
        .presign_get(&key("a/b.ogg"), Duration::from_secs(60))
        .await
        .unwrap();
    let url = public
        .presign_get(&key("a/b.ogg"), Duration::from_secs(60))
        .await
        .unwrap()
        .unwrap();

    assert!(none.is_none());
    assert_eq!(url.host_str(), Some("audio.example.org"));
    assert_eq!(url.path(), "/trackscribe-test/a/b.ogg");
    assert!(url.query().unwrap().contains("X-Amz-Expires=60") && url.query().unwrap().contains("X-Amz-Signature="));
}

#[tokio::test]
async fn a_replaced_key_is_used_for_requests_and_for_urls() {
    let mut server = S3Server::start().await;
    let place = Arc::new(Mutex::new(keys(&server)));
    let read = {
        let place = place.clone();
        move || Ok(place.lock().unwrap().clone())
    };
    let store = open(S3Config {
        credentials: Credentials::reloaded(keys(&server), read),
        public_url: server.config().endpoint,
        ..server.config()
    });
    let body = || Body::from("hello".to_owned());
    store.put(&key("a.txt"), body(), "text/plain").await.unwrap();
    assert_eq!(status_of_url(&store).await, 200);

    server.replace_key().await;
    let denied = store.put(&key("b.txt"), body(), "text/plain").await.unwrap_err();
    *place.lock().unwrap() = keys(&server);

    assert!(matches!(denied, ObjectError::Denied { .. }), "{denied:?}");
    // URLs first: they must not wait for a request of ours that is denied.
    wait_until("URLs are signed with the new key", TIMEOUT, async || {
        (status_of_url(&store).await == 200).then_some(())
    })
    .await;
    wait_until("requests are signed with the new key", TIMEOUT, async || {
        store.put(&key("b.txt"), body(), "text/plain").await.ok()
    })
    .await;
}

fn keys(server: &S3Server) -> Keys {
    server.config().credentials.keys().unwrap().clone()
}

async fn status_of_url(store: &objects::Objects) -> u16 {
    let url = store.presign_get(&key("a.txt"), Duration::from_secs(60)).await.unwrap();
    let answer = reqwest::get(url.unwrap()).await.unwrap();
    answer.status().as_u16()
}
