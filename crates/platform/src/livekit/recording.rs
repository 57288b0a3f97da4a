//! LiveKit's egress service: starts, lists and stops recordings of tracks.

use std::time::Duration;

use domain::event::{CaptureReport, CapturedFile};
use domain::{PlatformCaptureId, TrackSid};
use livekit_api::services::egress::{EgressClient, EgressListFilter, EgressListOptions, TrackEgressOutput};
use livekit_protocol as proto;
use livekit_protocol::egress_info::Request;

use super::KeyOfLocation;
use super::room::error;
use super::values::{egress_status, nanos, non_empty, object_key};
use crate::{CaptureFilter, PlatformError};

/// Timeout for starting an egress. LiveKit retries 9 times over up to 25 s to find an egress worker.
pub const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Requests a track egress. The request names no store, because credentials in it would cross LiveKit's Redis bus in
/// clear text; the egress worker uses its own store.
pub async fn start(
    egress: &EgressClient,
    room: &str,
    track: &TrackSid,
    file: &str,
    key_of: &KeyOfLocation,
) -> Result<CaptureReport, PlatformError> {
    let output = proto::DirectFileOutput {
        filepath: file.to_owned(),
        ..Default::default()
    };
    let output = TrackEgressOutput::File(Box::new(output));
    egress
        .start_track_egress(room, output, track.as_str())
        .await
        .map(|sent| report(sent, key_of))
        .map_err(error)
}

pub async fn list(
    egress: &EgressClient,
    room: &str,
    which: CaptureFilter,
    key_of: &KeyOfLocation,
) -> Result<Vec<CaptureReport>, PlatformError> {
    let options = EgressListOptions {
        filter: EgressListFilter::Room(room.to_owned()),
        active: which == CaptureFilter::Active,
        ..Default::default()
    };
    let listed = egress.list_egress(options).await.map_err(error)?;
    Ok(listed.into_iter().map(|sent| report(sent, key_of)).collect())
}

pub async fn stop(
    egress: &EgressClient,
    id: &PlatformCaptureId,
    key_of: &KeyOfLocation,
) -> Result<CaptureReport, PlatformError> {
    let stopped = egress.stop_egress(id.as_str()).await;
    stopped.map(|sent| report(sent, key_of)).map_err(error)
}

fn report(sent: proto::EgressInfo, key_of: &KeyOfLocation) -> CaptureReport {
    let status = proto::EgressStatus::try_from(sent.status).map_or("UNKNOWN", |status| status.as_str_name());
    CaptureReport {
        platform_id: non_empty(&sent.egress_id).map(Into::into),
        room_sid: non_empty(&sent.room_id).map(Into::into),
        track_sid: track(&sent).and_then(|t| non_empty(&t.track_id)).map(Into::into),
        requested_file: track(&sent).and_then(requested_file).map(str::to_owned),
        status: egress_status(status),
        updated_at: nanos(sent.updated_at),
        error: non_empty(&sent.error).map(str::to_owned),
        details: non_empty(&sent.details).map(str::to_owned),
        files: sent
            .file_results
            .first()
            .map(|sent| file(sent, key_of))
            .into_iter()
            .collect(),
        manifest_location: non_empty(&sent.manifest_location).map(str::to_owned),
        started_at: nanos(sent.started_at),
        ended_at: nanos(sent.ended_at),
    }
}

fn track(sent: &proto::EgressInfo) -> Option<&proto::TrackEgressRequest> {
    match &sent.request {
        Some(Request::Track(request)) => Some(request),
        _ => None,
    }
}

fn requested_file(request: &proto::TrackEgressRequest) -> Option<&str> {
    match &request.output {
        Some(proto::track_egress_request::Output::File(file)) => non_empty(&file.filepath),
        _ => None,
    }
}

fn file(sent: &proto::FileInfo, key_of: &KeyOfLocation) -> CapturedFile {
    CapturedFile {
        key: object_key(&sent.filename, &sent.location, key_of),
        started_at: nanos(sent.started_at),
        ended_at: nanos(sent.ended_at),
        size_bytes: (sent.size > 0).then_some(sent.size),
        ..CapturedFile::default()
    }
}
