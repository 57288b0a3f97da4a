//! Behaviour of S3 stores only: authentication, unavailability and signed URLs.

use std::time::Duration;

use objects::{Body, Credentials, Keys, ObjectError, S3Config, StoreConfig, probe};
use secrecy::SecretString;
use test_support::Garage;

use crate::key;

fn open(config: S3Config) -> objects::Objects {
    objects::open(&StoreConfig::S3(config)).unwrap()
}

#[tokio::test]
async fn a_wrong_secret_and_a_missing_bucket_are_reported_with_what_to_check() {
    let garage = Garage::start().await;
    let wrong_secret = S3Config {
        credentials: Credentials::fixed(Keys {
            secret: SecretString::from("0".repeat(64)),
            ..garage.config().credentials.keys().unwrap().clone()
        }),
        ..garage.config()
    };
    let wrong_bucket = S3Config {
        bucket: "elsewhere".into(),
        ..garage.config()
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
    let garage = Garage::start().await;
    let store = open(garage.config());
    drop(garage);

    let error = probe::write(&*store, "worker", chrono::DateTime::UNIX_EPOCH)
        .await
        .unwrap_err();

    assert!(error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn urls_are_signed_only_with_a_public_url() {
    let garage = Garage::start().await;
    let hidden = open(garage.config());
    let public = open(S3Config {
        public_url: Some("https://audio.example.org/".parse().unwrap()),
        ..garage.config()
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
