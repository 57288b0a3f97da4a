//! What becomes of a finished file: store it, describe it, forget the copy in the spool.

use std::time::Instant;

use domain::manifest::{End, ManifestFile};
use livekit_protocol::EgressStatus;
use objects::{StoreConfig, Stored};

use super::{
    capture::{Capture, Captured, duration},
    listen::Ending,
    manifest::{ManifestParts, manifest},
    run::Found,
    spec::RecordingSpec,
    state::StoredFile,
};
use crate::{
    clock::unix_ns,
    failure::Failure,
    metrics,
    upload::{Destination, put_file, put_manifest},
};

/// What is needed to store and to describe.
#[derive(Clone, Copy)]
pub(super) struct Keep<'a> {
    pub spec: &'a RecordingSpec,
    pub found: &'a Found,
    /// Nanoseconds since 1970.
    pub started_at: i64,
    pub ending: &'a Ending,
}

/// A recording that is in the store.
pub(super) struct Kept {
    pub file: StoredFile,
    /// Nanoseconds since 1970; the same in the manifest and in the last report.
    pub ended_at: i64,
}

/// Stores what was recorded; `None` if that is nothing. What cannot be stored stays in the spool.
pub(super) async fn keep(parts: Keep<'_>, capture: Capture) -> Result<Option<Kept>, Failure> {
    let Some(captured) = capture.finish().await.map_err(Failure::spool)? else {
        return Ok(None);
    };
    let destination = destination(parts)?;
    let stored = upload(&destination, &captured).await?;
    let ended_at = match parts.ending {
        Ending::Limit(at) => *at,
        _ => unix_ns(),
    };
    let manifest_location = describe(parts, &destination, &captured, &stored, ended_at).await;
    let file = stored_file(parts, &captured, stored, manifest_location);
    if let Err(error) = captured.file.remove().await {
        tracing::warn!(%error, "a stored recording stays in the spool");
    }
    Ok(Some(Kept { file, ended_at }))
}

fn destination(parts: Keep<'_>) -> Result<Destination, Failure> {
    let store = match parts.spec.store {
        StoreConfig::S3(_) => "S3",
        StoreConfig::Folder(_) => "Local",
    };
    let objects = objects::open(&parts.spec.store).map_err(|error| Failure::upload(store, &error))?;
    Ok(Destination {
        objects,
        key: parts.found.name.key.clone(),
        store,
    })
}

async fn upload(destination: &Destination, captured: &Captured) -> Result<Stored, Failure> {
    let began = Instant::now();
    let outcome = put_file(destination, &captured.file).await;
    metrics::upload(outcome.as_ref().map(|_| ()).map_err(|_| ()), began.elapsed());
    outcome.map_err(|error| {
        let path = captured.file.path.display();
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a recording could not be stored; it stays in {path}"
        );
        Failure::upload(destination.store, &error)
    })
}

/// Stores the manifest and returns where; nothing if none was wanted or if the store did not take it, for the audio
/// is there all the same.
async fn describe(
    parts: Keep<'_>,
    destination: &Destination,
    captured: &Captured,
    stored: &Stored,
    ended_at: i64,
) -> String {
    let Some(clock) = captured.summary.clock.clone().filter(|_| parts.spec.writes_manifest) else {
        return String::new();
    };
    let manifest = manifest(ManifestParts {
        meta: &parts.spec.meta,
        track_sid: &parts.spec.track_sid,
        publisher: &parts.found.publisher,
        summary: captured.summary.clone(),
        clock,
        file: &captured.file,
        stored: ManifestFile {
            filename: destination.key.to_string(),
            location: stored.location.clone(),
        },
        started_at: parts.started_at,
        ended_at,
        end: end(parts.ending),
    });
    match put_manifest(destination, &manifest).await {
        Ok(stored) => stored.location,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a manifest could not be stored"
            );
            String::new()
        }
    }
}

fn end(ending: &Ending) -> End {
    let status = match ending {
        Ending::Stopped(_) => EgressStatus::EgressComplete,
        Ending::Limit(_) => EgressStatus::EgressLimitReached,
        Ending::ConnectionLost | Ending::Failed(_) => EgressStatus::EgressFailed,
    };
    End {
        status: status.as_str_name().to_owned(),
        details: ending.reason().details(),
    }
}

fn stored_file(parts: Keep<'_>, captured: &Captured, stored: Stored, manifest_location: String) -> StoredFile {
    let nanoseconds = duration(captured.summary.samples).as_nanos();
    StoredFile {
        filename: parts.found.name.filename.clone(),
        started_at: captured
            .summary
            .first_packet
            .map(|packet| packet.arrival_ns)
            .unwrap_or_default(),
        duration_ns: i64::try_from(nanoseconds).unwrap_or(i64::MAX),
        size_bytes: i64::try_from(captured.file.size_bytes).unwrap_or(i64::MAX),
        location: stored.location,
        manifest_location,
    }
}
