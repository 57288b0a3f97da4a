//! Uploads to a real S3 server behind a network and a server that fail.

use std::{path::PathBuf, time::Duration};

use domain::ObjectKey;
use objects::{S3Config, StoreConfig};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use test_support::{Fault, FaultyProxy, S3Server, wait_until};
use tokio_util::sync::CancellationToken;

use super::{StoredObjects, Upload, Uploader};
use crate::{
    config::{ConfigArgs, EgressConfig},
    spool::SpooledFile,
};

/// Only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The size of an object that is uploaded in two parts.
const LONG: usize = 16 * 1024 * 1024 + 7;

const DENIED: &str = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 60\r\n\r\n\
    <Error><Code>InvalidAccessKeyId</Code><Message/></Error>    ";

const BUSY: &str = "HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A proxy that does not reach the store.
const NO_STORE: &str = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 9\r\n\r\nnot found";

const HOSTILE: &str = "HTTP/1.1 500 Error\r\nConnection: close\r\nContent-Length: 93\r\n\r\n\
    <!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><Error><Code>&b;&b;</Code><<>\0\0\0";

struct Bench {
    uploader: Uploader,
    proxy: FaultyProxy,
    server: S3Server,
    folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        test_support::use_tls_provider();
        let server = S3Server::start().await;
        let endpoint = server.config().endpoint.unwrap();
        let address = format!("127.0.0.1:{}", endpoint.port().unwrap()).parse().unwrap();
        Self {
            uploader: Uploader::new(),
            proxy: FaultyProxy::before(address).await,
            server,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn upload(&self, name: &str, size: usize) -> Upload {
        let path = self.folder.path().join(format!("{name}.ogg"));
        let content: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        Upload {
            store: StoreConfig::S3(S3Config {
                endpoint: Some(format!("http://{}", self.proxy.address()).parse().unwrap()),
                ..self.server.config()
            }),
            key: ObjectKey::parse(format!("r/{name}.ogg")).unwrap(),
            audio: SpooledFile {
                path,
                size_bytes: size as u64,
                sha256: hex::encode(Sha256::digest(&content)),
            },
            manifest: Some("{}".into()),
        }
    }

    /// Writes a configuration file with the server's present key.
    fn write_config(&self) -> PathBuf {
        let path = self.folder.path().join("egress.yaml");
        let config = self.server.config();
        let keys = config.credentials.keys().unwrap();
        let text = format!(
            "{{api_key: k, api_secret: s, ws_url: 'ws://h', redis: {{address: h}}, storage: {{s3: {{bucket: {}, \
             endpoint: 'http://{}', force_path_style: true, access_key: {}, secret: {}}}}}}}",
            config.bucket,
            self.proxy.address(),
            keys.access_key.expose_secret(),
            keys.secret.expose_secret(),
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn ledger(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.uploads"))
    }

    async fn store(&self, upload: Upload) -> StoredObjects {
        self.uploader.store(upload, &CancellationToken::new()).await.unwrap()
    }

    /// Sets a fault until it has struck `strikes` times.
    async fn suffer(&self, fault: Fault, strikes: u64) {
        let before = self.proxy.strikes();
        self.proxy.set(fault);
        wait_until("the fault strikes", TIMEOUT, async || {
            (self.proxy.strikes() >= before + strikes).then_some(())
        })
        .await;
        self.proxy.set(Fault::None);
    }

    /// The digest of what the store has, read without the proxy.
    async fn stored_digest(&self, upload: &Upload) -> String {
        let store = objects::open(&StoreConfig::S3(self.server.config())).unwrap();
        objects::digest::read(store.as_ref(), &upload.key).await.unwrap()
    }
}

#[tokio::test]
async fn a_recording_outlives_a_store_that_denies_is_away_or_answers_nonsense() {
    let bench = Bench::new().await;
    let answers = [DENIED, BUSY, NO_STORE, HOSTILE].map(|response| Fault::Answer { one_in: 1, response });

    for (n, fault) in answers.into_iter().chain([Fault::Refuse]).enumerate() {
        let upload = bench.upload(&format!("a{n}"), 1000);
        bench.proxy.set(Fault::Refuse);
        let (_, stored) = tokio::join!(bench.suffer(fault, 3), bench.store(upload.clone()));

        assert_eq!(
            (stored.audio.size_bytes, stored.manifest.unwrap().size_bytes),
            (1000, 2)
        );
        assert_eq!(bench.stored_digest(&upload).await, upload.audio.sha256);
    }
}

#[tokio::test]
async fn every_recording_is_stored_when_one_request_in_three_fails() {
    let bench = Bench::new().await;
    bench.proxy.set(Fault::Answer {
        one_in: 3,
        response: BUSY,
    });

    let uploads: Vec<Upload> = (0..10).map(|n| bench.upload(&format!("b{n}"), 2000)).collect();
    let stored = futures::future::join_all(uploads.iter().map(|upload| bench.store(upload.clone()))).await;

    assert_eq!(stored.len(), 10);
    for upload in &uploads {
        assert_eq!(bench.stored_digest(upload).await, upload.audio.sha256);
    }
}

#[tokio::test]
async fn a_connection_cut_in_the_body_costs_only_time() {
    let bench = Bench::new().await;
    let upload = bench.upload("cut", LONG);

    let cut = Fault::CutAfter { bytes: 5_000_000 };
    tokio::join!(bench.suffer(cut, 4), bench.store(upload.clone()));

    assert_eq!(bench.stored_digest(&upload).await, upload.audio.sha256);
    assert!(!bench.ledger("cut").exists());
}

#[tokio::test]
async fn a_lost_answer_to_the_last_request_of_an_upload_is_looked_up() {
    let bench = Bench::new().await;
    let upload = bench.upload("lost", LONG);
    bench.proxy.set(Fault::LoseAnswer {
        to: "<CompleteMultipartUpload",
    });

    bench.store(upload.clone()).await;

    assert!(bench.proxy.strikes() > 0);
    assert!(bench.proxy.sent_bytes() < 2 * LONG as u64, "it was uploaded again");
    assert_eq!(bench.stored_digest(&upload).await, upload.audio.sha256);
    assert!(!bench.ledger("lost").exists());
}

#[tokio::test]
async fn an_upload_whose_key_is_revoked_continues_with_the_one_that_replaces_it_in_the_file() {
    let mut bench = Bench::new().await;
    let file = ConfigArgs {
        config: Some(bench.write_config()),
        ..ConfigArgs::default()
    };
    let upload = Upload {
        store: EgressConfig::load(&file).unwrap().storage.unwrap().store.unwrap(),
        ..bench.upload("rotated", LONG)
    };
    let (uploader, cancel) = (bench.uploader.clone(), CancellationToken::new());
    bench.proxy.set(Fault::CutAfter { bytes: 5_000_000 });

    let storing = tokio::spawn({
        let upload = upload.clone();
        async move { uploader.store(upload, &cancel).await }
    });
    wait_until("an upload begins", TIMEOUT, async || {
        bench.ledger("rotated").exists().then_some(())
    })
    .await;
    bench.server.replace_key().await;
    bench.proxy.set(Fault::None);
    let denied = bench.proxy.connections();
    wait_until("the old key is denied", TIMEOUT, async || {
        (bench.proxy.connections() > denied + 1).then_some(())
    })
    .await;
    assert!(!storing.is_finished());
    bench.write_config();

    storing.await.unwrap().unwrap();
    assert_eq!(bench.stored_digest(&upload).await, upload.audio.sha256);
    assert!(
        !bench.ledger("rotated").exists(),
        "an unfinished upload is left in the store"
    );
}

#[tokio::test]
async fn a_recording_that_is_in_the_store_is_not_uploaded_again() {
    let bench = Bench::new().await;
    let upload = bench.upload("again", 1_000_000);

    let first = bench.store(upload.clone()).await;
    let sent = bench.proxy.sent_bytes();
    let second = bench.store(upload).await;

    assert_eq!(first, second);
    assert!(bench.proxy.sent_bytes() - sent < 100_000);
}

#[tokio::test]
async fn an_upload_that_was_interrupted_is_cleaned_up_by_the_next_process() {
    let bench = Bench::new().await;
    let upload = bench.upload("killed", LONG);
    bench.proxy.set(Fault::CutAfter { bytes: 2_000_000 });
    {
        // Dropped in the middle, as by a kill.
        let killed = CancellationToken::new();
        let interrupt = async {
            wait_until("an upload begins", TIMEOUT, async || {
                bench.ledger("killed").exists().then_some(())
            })
            .await;
            killed.cancel();
        };
        let (_, stored) = tokio::join!(interrupt, bench.uploader.store(upload.clone(), &killed));
        assert_eq!(stored, None);
    }
    assert!(bench.ledger("killed").exists());

    bench.proxy.set(Fault::None);
    let next = Uploader::new();
    next.store(upload.clone(), &CancellationToken::new()).await.unwrap();

    assert_eq!(bench.stored_digest(&upload).await, upload.audio.sha256);
    assert!(!bench.ledger("killed").exists());
}
