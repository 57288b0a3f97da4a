//! Checks that the object and the manifest of an ended egress exist and agree, and queues the transcription.
//!
//! Harmless to repeat: it only reads the store, and an accepted recording is left unchanged.

use std::time::Duration;

use domain::{
    EgressId, ObjectKey, RecordingId, SampleTime, TrackSid,
    manifest::{Manifest, ManifestError},
    recording::{FailureReason, RecordedFile, Recording, VerifiedRecording},
};
use media::opus::StreamError;
use objects::ObjectError;
use tokio::task::spawn_blocking;

use super::JobError;
use crate::{
    attempt::Attempt,
    download::{DownloadError, DownloadedObject},
    log::chain,
    pipeline::coverage::coverage,
};

/// Longest manifest that is read. One of a whole day with a gap every second is a tenth of this.
const MAX_MANIFEST_BYTES: u64 = 64 * 1024 * 1024;

/// Pause after the store has answered that an object is missing.
const ASK_STORE_AGAIN: Duration = Duration::from_secs(60);

/// Why a recording is not accepted.
#[derive(Debug, thiserror::Error)]
enum Rejection {
    #[error("the manifest is missing")]
    ManifestMissing(#[source] ObjectError),
    #[error("cannot read the manifest")]
    ManifestUnreadable(#[source] ManifestError),
    #[error("the manifest describes {egress_id} and {track_sid}")]
    OtherRecording { egress_id: EgressId, track_sid: TrackSid },
    #[error("the recorded file is missing")]
    ObjectMissing(#[source] DownloadError),
    #[error("cannot read the recorded file")]
    ObjectUnreadable(#[source] StreamError),
    #[error("{field} is {in_manifest} in the manifest, {measured} in the recorded file")]
    Mismatch {
        field: &'static str,
        in_manifest: String,
        measured: String,
    },
}

/// Why a check ended without measurements.
enum CheckError {
    Rejected(Rejection),
    Failed(JobError),
}

#[tracing::instrument(skip_all, fields(recording.id = %id))]
pub async fn run(id: RecordingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let Some(recording) = attempt.recording(id).await? else {
        return Ok(());
    };
    let Some(file) = recording.state.file().filter(|_| recording.awaits_acceptance()) else {
        return Ok(());
    };
    match check(file, &recording, attempt).await {
        Ok(verified) => accept(&recording, verified, attempt).await,
        Err(CheckError::Rejected(rejection)) => reject(&recording, rejection, attempt).await,
        Err(CheckError::Failed(error)) => {
            let why = Some(error.to_string());
            attempt
                .change(recording.meeting_id, |_, meeting| meeting.note_error(id, why))
                .await?;
            Err(error)
        }
    }
}

async fn accept(recording: &Recording, verified: VerifiedRecording, attempt: &Attempt<'_>) -> Result<(), JobError> {
    tracing::info!(
        duration_ms = verified.duration_ms,
        size_bytes = verified.size_bytes,
        "recording accepted"
    );
    let now = (attempt.ctx.clock)();
    attempt
        .change(recording.meeting_id, |_, meeting| {
            meeting.accept_recording(recording.id, verified, now)
        })
        .await
}

/// Rejects a recording. A missing object may still arrive, so the domain wants a second answer, and the job runs again.
async fn reject(recording: &Recording, rejection: Rejection, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let (reason, error) = (rejection.reason(), chain(&rejection));
    let now = (attempt.ctx.clock)();
    let mut is_rejected = false;
    attempt
        .change(recording.meeting_id, |_, meeting| {
            let change = meeting.reject_recording(recording.id, reason, error.clone(), now);
            is_rejected = change.recordings.iter().any(|recording| !recording.awaits_acceptance());
            change
        })
        .await?;
    if !is_rejected {
        return Err(JobError::Outage {
            after: Some(ASK_STORE_AGAIN),
            why: rejection.into(),
        });
    }
    tracing::error!(reason = reason.as_str(), error, "recording rejected");
    Ok(())
}

/// Reads the manifest and the object, and compares them.
async fn check(
    file: &RecordedFile,
    recording: &Recording,
    attempt: &Attempt<'_>,
) -> Result<VerifiedRecording, CheckError> {
    let manifest = read_manifest(&file.manifest, attempt).await?;
    check_origin(&manifest, recording)?;
    let audio = DownloadedObject::fetch(attempt.ctx.recordings.as_ref(), &file.object)
        .await
        .map_err(CheckError::download)?;
    let samples = count_samples(&audio).await?;
    Ok(compare(&manifest, &audio, samples)?)
}

async fn read_manifest(key: &ObjectKey, attempt: &Attempt<'_>) -> Result<Manifest, CheckError> {
    let object = match attempt.ctx.recordings.get(key, None).await {
        Err(error) if error.is_not_found() => return Err(Rejection::ManifestMissing(error).into()),
        other => other.map_err(JobError::from)?,
    };
    let bytes = object.read(MAX_MANIFEST_BYTES).await.map_err(JobError::from)?;
    Ok(Manifest::from_json(&bytes).map_err(Rejection::ManifestUnreadable)?)
}

/// Rejects a manifest of another egress or track.
fn check_origin(manifest: &Manifest, recording: &Recording) -> Result<(), Rejection> {
    let is_egress = recording.egress_id.as_ref().is_none_or(|id| *id == manifest.egress_id);
    if is_egress && manifest.track_id == recording.track_sid {
        return Ok(());
    }
    Err(Rejection::OtherRecording {
        egress_id: manifest.egress_id.clone(),
        track_sid: manifest.track_id.clone(),
    })
}

/// Counts the samples of the recorded file, at 48 kHz and without the pre-skip.
async fn count_samples(audio: &DownloadedObject) -> Result<SampleTime, CheckError> {
    let file = audio.open().map_err(JobError::from)?;
    let probed = spawn_blocking(move || media::opus::probe(std::io::BufReader::new(file))).await;
    let summary = probed.map_err(JobError::retry)?.map_err(Rejection::ObjectUnreadable)?;
    Ok((summary.samples - SampleTime(summary.head.pre_skip.into())).max(SampleTime::ZERO))
}

fn compare(manifest: &Manifest, audio: &DownloadedObject, samples: SampleTime) -> Result<VerifiedRecording, Rejection> {
    let expected = &manifest.trackscribe;
    expect_equal("the size in bytes", &expected.size_bytes, &audio.size_bytes)?;
    expect_equal("the SHA-256 digest", &expected.sha256, &audio.sha256)?;
    expect_equal("the number of samples", &expected.samples, &samples)?;
    Ok(VerifiedRecording {
        sha256: audio.sha256.clone(),
        size_bytes: i64::try_from(audio.size_bytes).unwrap_or(i64::MAX),
        samples,
        duration_ms: samples.as_millis(),
        fit: expected.clock.fit,
        coverage: coverage(manifest),
    })
}

fn expect_equal<T: PartialEq + ToString>(field: &'static str, in_manifest: &T, measured: &T) -> Result<(), Rejection> {
    if in_manifest == measured {
        return Ok(());
    }
    Err(Rejection::Mismatch {
        field,
        in_manifest: in_manifest.to_string(),
        measured: measured.to_string(),
    })
}

impl Rejection {
    /// The reason as it is stored with the recording.
    fn reason(&self) -> FailureReason {
        match self {
            Self::ManifestMissing(_) | Self::ManifestUnreadable(_) => FailureReason::ManifestMissing,
            Self::ObjectMissing(_) => FailureReason::ObjectMissing,
            Self::OtherRecording { .. } | Self::ObjectUnreadable(_) | Self::Mismatch { .. } => FailureReason::Mismatch,
        }
    }
}

impl CheckError {
    fn download(error: DownloadError) -> Self {
        if error.is_not_found() {
            Self::Rejected(Rejection::ObjectMissing(error))
        } else {
            Self::Failed(error.into())
        }
    }
}

impl From<Rejection> for CheckError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<JobError> for CheckError {
    fn from(error: JobError) -> Self {
        Self::Failed(error)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use domain::recording::RecordingState;

    use super::*;
    use crate::support::{Tone, WorkerTest, ogg};

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
        let changes: [fn(&mut Manifest); 4] = [
            |m| m.trackscribe.sha256 = "0".repeat(64),
            |m| m.trackscribe.size_bytes += 1,
            |m| m.trackscribe.samples.0 -= 1,
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
        test.report_egress(&recording, domain::event::EgressStatus::Complete, Some(&key))
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
    async fn a_file_that_is_not_ogg_is_rejected(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;

        test.complete_recording("ada", &ogg(&[Tone::silence(0.1)]), |_| {})
            .await;
        let RecordingState::Complete(complete) = test.recording_of("ada").await.state else {
            panic!("complete")
        };
        std::fs::write(test.object_path(&complete.file.object), "not Ogg").unwrap();
        test.run_jobs().await;

        let (reason, error) = reason(&test).await;
        assert_eq!(reason, FailureReason::Mismatch);
        assert!(error.contains("Ogg"), "{error}");
    }
}
