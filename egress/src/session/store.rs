//! Phase 3: uploads the finished file and its manifest, then removes the file from the spool.

use std::{error::Error, time::Instant};

use domain::{
    UnixNanos,
    manifest::{End, ManifestFile},
};
use livekit_protocol::EgressStatus;
use objects::{StoreConfig, Stored};

use super::{
    context::Session,
    manifest::{ManifestParts, manifest},
    outcome::{FoundTrack, NotStored, RecordedTrack, RecordingEnd, StoredRecording},
    state::StoredFile,
    track_writer::{WrittenTrack, duration},
};
use crate::{
    clock::unix_now,
    failure::Failure,
    metrics,
    upload::{Destination, put_file, put_manifest},
};

/// Stores a recording. Fails if it contains no packet, or if the store does not accept the file, which then stays in
/// the spool.
pub(super) async fn store(
    session: &Session,
    recorded: RecordedTrack,
    track: &FoundTrack,
) -> Result<StoredRecording, NotStored> {
    let RecordedTrack { writer, end } = recorded;
    let Some(written) = writer.finish().await.map_err(Failure::spool)? else {
        return Err(NotStored::Stopped(end.reason()));
    };
    let destination = destination(session, track)?;
    let audio = upload(&destination, &written).await?;
    let ended_at = match end {
        RecordingEnd::LimitReached(at) => at,
        _ => unix_now(),
    };
    let description = Description {
        session,
        track,
        written: &written,
        audio: &audio,
        end: &end,
        ended_at,
    };
    let manifest_location = description.store_manifest(&destination).await;
    let file = description.stored_file(manifest_location);
    if let Err(error) = written.file.remove().await {
        tracing::warn!(%error, "cannot remove a stored recording from the spool");
    }
    Ok(StoredRecording { file, end, ended_at })
}

fn destination(session: &Session, track: &FoundTrack) -> Result<Destination, Failure> {
    let config = &session.spec.store;
    let store = match config {
        StoreConfig::S3(_) => "S3",
        StoreConfig::Folder(_) => "Local",
    };
    let objects = objects::open(config).map_err(|error| Failure::upload(store, &error))?;
    Ok(Destination {
        objects,
        key: track.name.key.clone(),
        store,
    })
}

async fn upload(destination: &Destination, written: &WrittenTrack) -> Result<Stored, Failure> {
    let began = Instant::now();
    let outcome = put_file(destination, &written.file).await;
    metrics::upload(outcome.as_ref().map(|_| ()).map_err(|_| ()), began.elapsed());
    outcome.map_err(|error| {
        let path = written.file.path.display();
        tracing::error!(
            error = &error as &dyn Error,
            "cannot store a recording; its file stays in {path}"
        );
        Failure::upload(destination.store, &error)
    })
}

/// What the manifest and the last report say about a stored recording.
struct Description<'a> {
    session: &'a Session,
    track: &'a FoundTrack,
    written: &'a WrittenTrack,
    audio: &'a Stored,
    end: &'a RecordingEnd,
    ended_at: UnixNanos,
}

impl Description<'_> {
    /// Stores the manifest and returns its location. Returns an empty string if none was requested or if it could not
    /// be stored: the audio alone is worth reporting.
    async fn store_manifest(&self, destination: &Destination) -> String {
        let spec = &self.session.spec;
        let summary = self.written.summary.clone();
        let Some(clock) = summary.clock.clone().filter(|_| spec.writes_manifest) else {
            return String::new();
        };
        let manifest = manifest(ManifestParts {
            meta: &spec.meta,
            track_sid: &spec.track_sid,
            publisher: &self.track.publisher,
            summary,
            clock,
            file: &self.written.file,
            stored: ManifestFile {
                filename: destination.key.to_string(),
                location: self.audio.location.clone(),
            },
            started_at: self.session.reporter.egress().started_at(),
            ended_at: self.ended_at,
            end: manifest_end(self.end),
        });
        match put_manifest(destination, &manifest).await {
            Ok(stored) => stored.location,
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "cannot store a manifest");
                String::new()
            }
        }
    }

    fn stored_file(&self, manifest_location: String) -> StoredFile {
        let WrittenTrack { file, summary } = self.written;
        let nanoseconds = duration(summary.samples).as_nanos();
        StoredFile {
            filename: self.track.name.filename.clone(),
            started_at: summary.first_packet.map(|packet| packet.arrived_at).unwrap_or_default(),
            duration_ns: i64::try_from(nanoseconds).unwrap_or(i64::MAX),
            size_bytes: i64::try_from(file.size_bytes).unwrap_or(i64::MAX),
            location: self.audio.location.clone(),
            manifest_location,
        }
    }
}

fn manifest_end(end: &RecordingEnd) -> End {
    let status = match end {
        RecordingEnd::Stopped(_) => EgressStatus::EgressComplete,
        RecordingEnd::LimitReached(_) => EgressStatus::EgressLimitReached,
        RecordingEnd::ConnectionLost | RecordingEnd::Failed(_) => EgressStatus::EgressFailed,
    };
    End {
        status: status.as_str_name().to_owned(),
        details: end.reason().details(),
    }
}
