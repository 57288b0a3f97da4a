//! Recordings with whole, missing and wrong objects, in stores that answer and stores that do not.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    ObjectKey,
    event::CaptureStatus,
    manifest::Manifest,
    recording::{FailureReason, RecordingState},
};
use objects::{ByteRange, Listed, Object, ObjectError, ObjectInfo, ObjectStore, Objects, Put, Stored};
use sqlx::PgPool;
use url::Url;

use crate::support::{Tone, WorkerTest, ogg};

/// A store that a test makes fail. It keeps no digests if `forgets_digests`.
#[derive(Debug)]
struct TestStore {
    inner: Objects,
    forgets_digests: bool,
    /// How reads fail.
    trouble: Mutex<Option<fn() -> ObjectError>>,
    /// Whether an object was read that is no manifest.
    downloaded: AtomicBool,
}

impl TestStore {
    /// Puts a store between the worker and its objects.
    fn between(test: &mut WorkerTest, forgets_digests: bool) -> Arc<Self> {
        let store = Arc::new(Self {
            inner: test.ctx.recordings.clone(),
            forgets_digests,
            trouble: Mutex::default(),
            downloaded: AtomicBool::default(),
        });
        test.ctx.recordings = store.clone();
        store
    }

    fn set_trouble(&self, trouble: Option<fn() -> ObjectError>) {
        *self.trouble.lock().unwrap() = trouble;
    }

    fn check(&self) -> Result<(), ObjectError> {
        self.trouble.lock().unwrap().map_or(Ok(()), |trouble| Err(trouble()))
    }
}

#[async_trait]
impl ObjectStore for TestStore {
    async fn put_object(&self, put: Put<'_>) -> Result<Stored, ObjectError> {
        self.inner.put_object(put).await
    }

    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Object, ObjectError> {
        self.check()?;
        if !key.as_str().ends_with(".json") {
            self.downloaded.store(true, Ordering::Relaxed);
        }
        self.inner.get(key, range).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, ObjectError> {
        self.check()?;
        let mut info = self.inner.head(key).await?;
        if self.forgets_digests
            && let Some(info) = &mut info
        {
            info.sha256 = None;
        }
        Ok(info)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, ObjectError> {
        self.inner.list(prefix).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        self.inner.delete(key).await
    }

    async fn presign_get(&self, _: &ObjectKey, _: Duration) -> Result<Option<Url>, ObjectError> {
        Ok(None)
    }

    fn describe(&self) -> String {
        "test store".to_owned()
    }
}

async fn reason(test: &WorkerTest) -> (FailureReason, String) {
    let RecordingState::Failed(failed) = test.recording_of("ada").await.state else {
        panic!("failed")
    };
    (failed.reason, failed.error.unwrap())
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_accepted_recording_keeps_its_measurements(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.meeting_with_recordings(&["ada"]).await;
    test.advance(3);

    let file = ogg(&[Tone::of(440.0, 2.0)]);
    test.complete_recording("ada", &file, |_| {}).await;
    test.run_jobs().await;

    let accepted = test.recording_of("ada").await.acceptance.unwrap();
    assert_eq!((accepted.size_bytes, accepted.offset_ms), (file.len() as i64, 3_000));
    assert!((2_000..2_060).contains(&accepted.duration_ms), "{accepted:?}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_mismatch_of_object_and_manifest_is_rejected_at_once(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    let changes: [fn(&mut Manifest); 3] = [
        |m| m.trackscribe.sha256 = "0".repeat(64),
        |m| m.trackscribe.size_bytes += 1,
        |m| m.track_id = "TR_other".into(),
    ];
    for change in changes {
        test.execute("TRUNCATE meetings CASCADE").await;
        test.meeting_with_recordings(&["ada"]).await;

        test.complete_recording("ada", &ogg(&[Tone::silence(0.1)]), change)
            .await;
        test.run_jobs().await;

        assert_eq!(reason(&test).await.0, FailureReason::Mismatch);
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_late_object_is_waited_for_and_reported_missing_in_the_end(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.meeting_with_recordings(&["ada"]).await;
    let recording = test.recording_of("ada").await;
    let key = ObjectKey::parse("recordings/lost.ogg").unwrap();
    test.report_capture(&recording, CaptureStatus::Complete, Some(&key))
        .await;

    test.run_jobs().await;
    test.advance(299);
    test.make_jobs_due().await;
    test.run_jobs().await;
    let waiting = test.recording_of("ada").await;
    test.advance(1);
    test.make_jobs_due().await;
    test.run_jobs().await;

    assert_eq!(waiting.state.as_str(), "complete");
    assert!(waiting.last_error.unwrap().contains("missing"));
    assert_eq!(reason(&test).await.0, FailureReason::ManifestMissing);
    assert_eq!(test.count_jobs("ready").await, 0);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_missing_audio_file_is_reported_missing_in_the_end(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.meeting_with_recordings(&["ada"]).await;
    test.complete_recording("ada", &ogg(&[Tone::silence(0.1)]), |_| {})
        .await;
    let RecordingState::Complete(complete) = test.recording_of("ada").await.state else {
        panic!("complete")
    };
    test.ctx.recordings.delete(&complete.file.object).await.unwrap();

    test.run_jobs().await;
    test.advance(300);
    test.make_jobs_due().await;
    test.run_jobs().await;

    assert_eq!(reason(&test).await.0, FailureReason::ObjectMissing);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_replaced_file_is_a_mismatch(pool: PgPool) {
    for forgets_digests in [false, true] {
        let mut test = WorkerTest::new(pool.clone()).await;
        TestStore::between(&mut test, forgets_digests);
        test.meeting_with_recordings(&["ada"]).await;
        let file = ogg(&[Tone::silence(0.1)]);
        test.complete_recording("ada", &file, |_| {}).await;
        let RecordingState::Complete(complete) = test.recording_of("ada").await.state else {
            panic!("complete")
        };

        std::fs::write(test.object_path(&complete.file.object), vec![b'x'; file.len()]).unwrap();
        test.run_jobs().await;

        let (reason, error) = reason(&test).await;
        assert_eq!(reason, FailureReason::Mismatch);
        assert!(error.contains("SHA-256"), "{error}");
        test.execute("TRUNCATE rooms, meetings CASCADE").await;
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_file_is_read_only_if_the_store_does_not_know_its_digest(pool: PgPool) {
    for forgets_digests in [false, true] {
        let mut test = WorkerTest::new(pool.clone()).await;
        let store = TestStore::between(&mut test, forgets_digests);
        test.meeting_with_recordings(&["ada"]).await;

        test.complete_recording("ada", &ogg(&[Tone::silence(0.1)]), |_| {})
            .await;
        test.run_jobs_until_accepted().await;

        assert!(test.recording_of("ada").await.acceptance.is_some());
        assert_eq!(store.downloaded.load(Ordering::Relaxed), forgets_digests);
        test.execute("TRUNCATE rooms, meetings CASCADE").await;
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_samples_of_a_file_that_is_read_are_counted(pool: PgPool) {
    let mut test = WorkerTest::new(pool).await;
    TestStore::between(&mut test, true);
    test.meeting_with_recordings(&["ada"]).await;

    let wrong = |manifest: &mut Manifest| manifest.trackscribe.samples.0 -= 1;
    test.complete_recording("ada", &ogg(&[Tone::silence(0.1)]), wrong).await;
    test.run_jobs().await;

    let (reason, error) = reason(&test).await;
    assert_eq!(reason, FailureReason::Mismatch);
    assert!(error.contains("samples"), "{error}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_store_in_trouble_says_nothing_about_a_recording(pool: PgPool) {
    let mut test = WorkerTest::new(pool).await;
    let store = TestStore::between(&mut test, false);
    test.meeting_with_recordings(&["ada"]).await;
    test.complete_recording("ada", &ogg(&[Tone::silence(0.1)]), |_| {})
        .await;
    let troubles: [fn() -> ObjectError; 5] = [
        || ObjectError::Unavailable("no route".into()),
        || ObjectError::Busy("503".into()),
        || ObjectError::NoFileHandles("too many open files".into()),
        || ObjectError::NoBucket {
            bucket: "b".to_owned(),
            source: "404".into(),
        },
        || ObjectError::Denied {
            action: "read an object",
            check: "the key".to_owned(),
            source: "403".into(),
        },
    ];

    for trouble in troubles {
        store.set_trouble(Some(trouble));
        for _ in 0..20 {
            test.make_jobs_due().await;
            test.run_jobs().await;
        }
        let recording = test.recording_of("ada").await;
        assert!(matches!(recording.state, RecordingState::Complete(_)), "{recording:?}");
        assert_eq!((recording.acceptance, test.count_jobs("dead").await), (None, 0));
    }
    store.set_trouble(None);
    test.make_jobs_due().await;
    test.run_jobs_until_accepted().await;

    assert!(test.recording_of("ada").await.acceptance.is_some());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_store_that_never_answers_is_given_up_at_the_deadline(pool: PgPool) {
    let mut test = WorkerTest::new(pool).await;
    let store = TestStore::between(&mut test, false);
    test.meeting_with_recordings(&["ada"]).await;
    test.complete_recording("ada", &ogg(&[Tone::silence(0.1)]), |_| {})
        .await;
    store.set_trouble(Some(|| ObjectError::Unavailable("no route".into())));

    test.run_jobs().await;
    test.execute("UPDATE jobs SET created_at = now() - interval '15 days', progressed_at = NULL")
        .await;
    test.make_jobs_due().await;
    test.run_jobs().await;

    let (reason, error) = reason(&test).await;
    assert_eq!(reason, FailureReason::NotAccepted);
    assert!(error.contains("no route"), "{error}");
}
