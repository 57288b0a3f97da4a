//! Parses and validates a `StartEgress` request. Whatever can be refused is refused here, while the caller still
//! waits for the answer.

mod store;
#[cfg(test)]
mod tests;

use std::time::Instant;

use chrono::{DateTime, Utc};
use domain::{PlatformCaptureId as EgressId, PlatformRoomKey, TrackSid, UnixNanos};
use livekit_protocol::{DirectFileOutput, TrackEgressRequest, egress_info, track_egress_request::Output};

use self::store::store;
use super::{
    redact::redact,
    wire::{StartEgressRequest, start_egress_request::Request},
};
use crate::{
    config::StorageConfig,
    psrpc::RpcError,
    session::{EgressMeta, NameTemplate, RecordingSpec, RequestValues},
};

/// The longest accepted egress id, in characters; LiveKit's have 15.
const MAX_ID: usize = 64;

/// When a request arrived, and the worker's settings that apply to it.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    pub storage: Option<&'a StorageConfig>,
    pub now: DateTime<Utc>,
    pub received: Instant,
}

/// Validates `request`; the error is for its caller.
pub fn parse(request: StartEgressRequest, context: RequestContext<'_>) -> Result<RecordingSpec, RpcError> {
    let egress_id = egress_id(&request.egress_id)?;
    if !request.token.is_empty() || !request.ws_url.is_empty() {
        return Err(RpcError::unimplemented(
            "this worker creates its own tokens; send neither token nor ws_url",
        ));
    }
    let track = track_request(request.request)?;
    let track_sid = TrackSid::from(required(&track.track_id, "track_id")?);
    let room_name = required(&track.room_name, "room_name")?;
    let file = file_output(&track)?;
    let values = RequestValues {
        egress_id: &egress_id,
        room_name: &room_name,
        room_id: &request.room_id,
        track_id: &track_sid,
        retry_count: request.retry_count,
        now: context.now,
    };
    Ok(RecordingSpec {
        name: name_template(&file.filepath, context.storage, &values)?,
        store: store(file, context.storage)?,
        writes_manifest: !file.disable_manifest,
        received: context.received,
        started_at: UnixNanos::from_datetime(context.now),
        track_sid,
        meta: EgressMeta {
            egress_id,
            room_sid: PlatformRoomKey(request.room_id),
            room_name,
            retry_count: request.retry_count,
            request: egress_info::Request::Track(redact(&track)),
        },
    })
}

fn track_request(request: Option<Request>) -> Result<TrackEgressRequest, RpcError> {
    match request {
        Some(Request::Track(track)) => Ok(track),
        Some(other) => Err(only_tracks(other.kind())),
        None => Err(missing("request")),
    }
}

fn name_template(
    path: &str,
    storage: Option<&StorageConfig>,
    values: &RequestValues<'_>,
) -> Result<NameTemplate, RpcError> {
    let prefix = storage.map(|storage| storage.prefix.as_str()).unwrap_or_default();
    NameTemplate::new(path, prefix, values)
        .map_err(|error| RpcError::invalid(format!("request has missing or invalid field: filepath: {error}")))
}

/// The egress id becomes the name of a folder and of channels, so it consists of letters, digits, `_` and `-`.
fn egress_id(id: &str) -> Result<EgressId, RpcError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.is_empty() || id.len() > MAX_ID || !id.chars().all(allowed) {
        return Err(missing("egressID"));
    }
    Ok(id.into())
}

fn required(value: &str, field: &str) -> Result<String, RpcError> {
    if value.is_empty() {
        Err(missing(field))
    } else {
        Ok(value.to_owned())
    }
}

/// The text is that of LiveKit's own worker.
fn missing(field: &str) -> RpcError {
    RpcError::invalid(format!("request has missing or invalid field: {field}"))
}

fn only_tracks(kind: &str) -> RpcError {
    RpcError::unimplemented(format!(
        "this worker records single audio tracks (StartTrackEgress), not {kind}"
    ))
}

fn file_output(track: &TrackEgressRequest) -> Result<&DirectFileOutput, RpcError> {
    match &track.output {
        Some(Output::File(file)) => Ok(file),
        Some(Output::WebsocketUrl(_)) => Err(RpcError::unimplemented(
            "this worker writes files; output to a websocket is not supported",
        )),
        None => Err(missing("output")),
    }
}
