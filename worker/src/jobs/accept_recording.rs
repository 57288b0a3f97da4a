//! Checks that the object and the manifest of an ended egress are there and agree, and queues the transcription.
//!
//! Harmless to repeat: it only reads the store, and a recording that has been accepted is left as it is.

use domain::{
    ObjectKey, RecordingId,
    manifest::{Manifest, SAMPLE_RATE},
    meeting::Checked,
    recording::{Complete, FailureReason, Recording, RecordingState},
};
use tokio::task::spawn_blocking;

use super::JobError;
use crate::{attempt::Attempt, download::Spooled};

/// Longest manifest that is read; one of a day with a gap each second is a tenth of it.
const LONGEST_MANIFEST: u64 = 64 * 1024 * 1024;

/// What is wrong with what lies in the store.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Flaw {
    reason: FailureReason,
    what: String,
}

#[tracing::instrument(skip_all, fields(recording.id = %id))]
pub async fn run(id: RecordingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let Some(recording) = attempt.recording(id).await? else {
        return Ok(());
    };
    let (RecordingState::Complete(complete), None) = (&recording.state, &recording.acceptance) else {
        return Ok(());
    };
    match check(complete, &recording, attempt).await? {
        Ok(checked) => {
            tracing::info!(
                duration_ms = checked.duration_ms,
                size_bytes = checked.size_bytes,
                "recording accepted"
            );
            let now = (attempt.ctx.clock)();
            attempt
                .change(recording.meeting_id, |_, meeting| meeting.accept(id, checked, now))
                .await
        }
        // What is not there may be on its way, from a store that is slow or from a recorder that was restarted.
        Err(flaw) if flaw.is_absence() && !attempt.is_last() => Err(JobError::retry(flaw)),
        Err(flaw) => {
            tracing::error!(reason = flaw.reason.as_str(), error = flaw.what, "recording rejected");
            attempt
                .change(recording.meeting_id, |_, meeting| {
                    meeting.reject(id, flaw.reason, flaw.what)
                })
                .await
        }
    }
}

impl Flaw {
    fn new(reason: FailureReason, what: impl Into<String>) -> Self {
        Self {
            reason,
            what: what.into(),
        }
    }

    fn is_absence(&self) -> bool {
        matches!(
            self.reason,
            FailureReason::ObjectMissing | FailureReason::ManifestMissing
        )
    }
}

async fn check(
    complete: &Complete,
    recording: &Recording,
    attempt: &Attempt<'_>,
) -> Result<Result<Checked, Flaw>, JobError> {
    let manifest = match read_manifest(&complete.manifest, attempt).await? {
        Ok(manifest) => manifest,
        Err(flaw) => return Ok(Err(flaw)),
    };
    if let Some(flaw) = foreign(&manifest, recording) {
        return Ok(Err(flaw));
    }
    let audio = match Spooled::fetch(attempt.ctx.recordings.as_ref(), &complete.object).await {
        Ok(audio) => audio,
        Err(JobError::GiveUp { reason }) if is_not_found(&reason) => {
            return Ok(Err(Flaw::new(FailureReason::ObjectMissing, format!("{reason:#}"))));
        }
        Err(error) => return Err(error),
    };
    let file = audio.open()?;
    let probed = spawn_blocking(move || media::opus::probe(std::io::BufReader::new(file))).await;
    let samples = match probed.map_err(JobError::retry)? {
        Ok(summary) => summary.samples.saturating_sub(u64::from(summary.head.pre_skip)),
        Err(why) => {
            return Ok(Err(Flaw::new(
                FailureReason::Mismatch,
                format!("{:#}", anyhow::Error::new(why)),
            )));
        }
    };
    Ok(compare(&manifest, &audio, samples))
}

async fn read_manifest(key: &ObjectKey, attempt: &Attempt<'_>) -> Result<Result<Manifest, Flaw>, JobError> {
    let missing = |what: String| Ok(Err(Flaw::new(FailureReason::ManifestMissing, what)));
    let object = match attempt.ctx.recordings.get(key, None).await {
        Ok(object) => object,
        Err(error) if error.is_not_found() => return missing(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    let bytes = object.read(LONGEST_MANIFEST).await?;
    match Manifest::from_json(&bytes) {
        Ok(manifest) => Ok(Ok(manifest)),
        Err(why) => missing(format!("{:#}", anyhow::Error::new(why))),
    }
}

/// A manifest that tells of another egress or track.
fn foreign(manifest: &Manifest, recording: &Recording) -> Option<Flaw> {
    let is_ours = recording.egress_id.as_ref().is_none_or(|id| *id == manifest.egress_id)
        && manifest.track_id == recording.track_sid;
    let flaw = || {
        let what = format!("the manifest tells of {} and {}", manifest.egress_id, manifest.track_id);
        Flaw::new(FailureReason::Mismatch, what)
    };
    (!is_ours).then(flaw)
}

fn compare(manifest: &Manifest, audio: &Spooled, samples: u64) -> Result<Checked, Flaw> {
    let told = &manifest.trackscribe;
    let differs = |what: &str, told: &dyn std::fmt::Display, is: &dyn std::fmt::Display| {
        Flaw::new(
            FailureReason::Mismatch,
            format!("the manifest tells of {what} {told}, the object has {is}"),
        )
    };
    if told.size_bytes != audio.size_bytes {
        return Err(differs("size", &told.size_bytes, &audio.size_bytes));
    }
    if told.sha256 != audio.sha256 {
        return Err(differs("SHA-256", &told.sha256, &audio.sha256));
    }
    if told.samples != samples {
        return Err(differs("samples", &told.samples, &samples));
    }
    Ok(Checked {
        sha256: audio.sha256.clone(),
        size_bytes: i64::try_from(audio.size_bytes).unwrap_or(i64::MAX),
        samples: i64::try_from(samples).unwrap_or(i64::MAX),
        duration_ms: i64::try_from(samples / u64::from(SAMPLE_RATE / 1000)).unwrap_or(i64::MAX),
        fit: told.clock.fit,
    })
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<objects::ObjectError>()
        .is_some_and(objects::ObjectError::is_not_found)
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::support::{Tone, WorkerTest, ogg};

    async fn reason(test: &WorkerTest) -> (FailureReason, String) {
        let RecordingState::Failed(failed) = test.recording_of("ada").await.state else {
            panic!("failed")
        };
        (failed.reason, failed.error.unwrap())
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn what_lies_in_the_store_is_measured_and_kept(pool: PgPool) {
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
    async fn object_and_manifest_that_disagree_are_rejected_at_once(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        let spoil: [fn(&mut Manifest); 4] = [
            |m| m.trackscribe.sha256 = "0".repeat(64),
            |m| m.trackscribe.size_bytes += 1,
            |m| m.trackscribe.samples -= 1,
            |m| m.track_id = "TR_other".into(),
        ];
        for spoil in spoil {
            sqlx::query("TRUNCATE meetings CASCADE")
                .execute(&test.ctx.pool)
                .await
                .unwrap();
            test.meeting_with_recordings(&["ada"]).await;

            test.complete_recording("ada", &ogg(&[Tone::silence(0.1)]), spoil).await;
            test.run_jobs().await;

            assert_eq!(reason(&test).await.0, FailureReason::Mismatch);
        }
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn an_object_that_is_late_is_waited_for_and_one_that_never_comes_is_missing(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;
        let recording = test.recording_of("ada").await;
        let key = ObjectKey::parse("recordings/lost.ogg").unwrap();
        test.report_egress(&recording, domain::event::EgressStatus::Complete, Some(&key))
            .await;

        test.run_jobs().await;
        let waiting = test.count_jobs("ready").await;
        test.run_jobs_to_the_end().await;

        assert_eq!(waiting, 1);
        assert_eq!(reason(&test).await.0, FailureReason::ManifestMissing);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_file_that_is_no_recording_is_rejected(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;

        test.complete_recording("ada", &ogg(&[Tone::silence(0.1)]), |_| {})
            .await;
        let RecordingState::Complete(complete) = test.recording_of("ada").await.state else {
            panic!("complete")
        };
        std::fs::write(test.object_path(&complete.object), "not Ogg").unwrap();
        test.run_jobs().await;

        let (reason, error) = reason(&test).await;
        assert_eq!(reason, FailureReason::Mismatch);
        assert!(error.contains("Ogg"), "{error}");
    }
}
