//! Reads the manifest and compares it with the object. Downloads the object only if the store does not know its digest.

use std::time::Duration;

use domain::{
    ObjectKey, SampleTime,
    capture::Capture,
    manifest::Manifest,
    recording::{RecordedFile, Recording, VerifiedRecording},
};
use objects::{ObjectError, ObjectInfo};
use tokio::{task::spawn_blocking, time::timeout};

use super::rejection::{Rejection, check_origin, expect_equal};
use crate::{
    attempt::Attempt,
    download::{DownloadError, DownloadedObject},
    jobs::JobError,
    pipeline::coverage::coverage,
};

/// Longest manifest that is read. One of a whole day with a gap every second is a tenth of this.
const MAX_MANIFEST_BYTES: u64 = 64 * 1024 * 1024;

/// How long the store may take to deliver the manifest and to look up the object, which a folder does by reading it.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(110);

/// How long the download of an object may take. Both timeouts are together below the job's, which counts as a failure.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(1500);

/// Why a check ended without measurements.
pub enum CheckError {
    /// The store answered that an object does not exist.
    NotThere(Rejection),
    /// The contents disagree.
    Wrong(Rejection),
    /// Nothing is known: the store did not answer, or this machine is in trouble.
    Failed(JobError),
}

/// Reads the manifest and looks up the object.
pub async fn check(
    file: &RecordedFile,
    (capture, recording): (&Capture, &Recording),
    attempt: &Attempt<'_>,
) -> Result<VerifiedRecording, CheckError> {
    let (manifest, info) = within(LOOKUP_TIMEOUT, look_up(file, (capture, recording), attempt)).await?;
    let expected = &manifest.trackscribe;
    expect_equal("the size in bytes", &expected.size_bytes, &info.size_bytes)?;
    match info.sha256 {
        Some(sha256) => expect_equal("the SHA-256 digest", &expected.sha256, &sha256)?,
        None => within(DOWNLOAD_TIMEOUT, compare_download(&manifest, &file.object, attempt)).await?,
    }
    Ok(VerifiedRecording {
        sha256: expected.sha256.clone(),
        size_bytes: i64::try_from(expected.size_bytes).unwrap_or(i64::MAX),
        samples: expected.samples,
        duration_ms: expected.samples.as_millis(),
        fit: expected.clock.fit,
        coverage: coverage(&manifest),
    })
}

/// A store that is slow is in trouble: that says nothing about the recording.
async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, CheckError>>) -> Result<T, CheckError> {
    timeout(limit, work).await.unwrap_or_else(|elapsed| {
        let error = anyhow::Error::from(elapsed).context("the store does not deliver the recording");
        Err(CheckError::Failed(JobError::outage(error)))
    })
}

async fn look_up(
    file: &RecordedFile,
    (capture, recording): (&Capture, &Recording),
    attempt: &Attempt<'_>,
) -> Result<(Manifest, ObjectInfo), CheckError> {
    let manifest = read_manifest(&file.manifest, attempt).await?;
    check_origin(&manifest, capture, recording)?;
    match attempt.ctx.recordings.head(&file.object).await? {
        Some(info) => Ok((manifest, info)),
        None => Err(ObjectError::NotFound(file.object.clone()).into()),
    }
}

async fn read_manifest(key: &ObjectKey, attempt: &Attempt<'_>) -> Result<Manifest, CheckError> {
    let object = match attempt.ctx.recordings.get(key, None).await {
        Err(ObjectError::NotFound(key)) => return Err(CheckError::NotThere(Rejection::ManifestMissing(key))),
        object => object?,
    };
    let bytes = match object.read(MAX_MANIFEST_BYTES).await {
        Err(error @ ObjectError::TooLong { .. }) => return Err(Rejection::ManifestTooLong(error).into()),
        bytes => bytes?,
    };
    Ok(Manifest::from_json(&bytes).map_err(Rejection::ManifestUnreadable)?)
}

async fn compare_download(manifest: &Manifest, key: &ObjectKey, attempt: &Attempt<'_>) -> Result<(), CheckError> {
    let audio = DownloadedObject::fetch(attempt.ctx.recordings.as_ref(), key).await?;
    let expected = &manifest.trackscribe;
    expect_equal("the size in bytes", &expected.size_bytes, &audio.size_bytes)?;
    expect_equal("the SHA-256 digest", &expected.sha256, &audio.sha256)?;
    let samples = count_samples(&audio).await?;
    Ok(expect_equal("the number of samples", &expected.samples, &samples)?)
}

/// Counts the samples of the recorded file, at 48 kHz and without the pre-skip.
async fn count_samples(audio: &DownloadedObject) -> Result<SampleTime, CheckError> {
    let file = audio.open().map_err(JobError::from)?;
    let probed = spawn_blocking(move || media::opus::probe(std::io::BufReader::new(file))).await;
    let summary = probed.map_err(JobError::retry)?.map_err(Rejection::ObjectUnreadable)?;
    Ok((summary.samples - SampleTime(summary.head.pre_skip.into())).max(SampleTime::ZERO))
}

impl From<Rejection> for CheckError {
    fn from(rejection: Rejection) -> Self {
        Self::Wrong(rejection)
    }
}

impl From<ObjectError> for CheckError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::NotFound(key) => Self::NotThere(Rejection::ObjectMissing(key)),
            error => Self::Failed(error.into()),
        }
    }
}

impl From<DownloadError> for CheckError {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Store(error) => error.into(),
            error => Self::Failed(error.into()),
        }
    }
}

impl From<JobError> for CheckError {
    fn from(error: JobError) -> Self {
        Self::Failed(error)
    }
}
