//! Parses and validates a `StartEgress` request. Whatever can be refused is refused here, while the caller still
//! waits for the answer.

use std::time::Instant;

use chrono::{DateTime, Utc};
use domain::{EgressId, PlatformRoomSid, TrackSid, UnixNanos};
use livekit_protocol::{
    DirectFileOutput, S3Upload, TrackEgressRequest, direct_file_output::Output as Upload, egress_info,
    track_egress_request::Output,
};
use objects::{Credentials, Keys, S3Config};

use super::{
    redact::redact,
    wire::{StartEgressRequest, start_egress_request::Request},
};
use crate::{
    config::{
        StorageConfig,
        storage::{DEFAULT_REGION, endpoint_url},
    },
    psrpc::RpcError,
    session::{EgressMeta, NameTemplate, RecordingSpec, RequestValues, SpecStore},
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
            room_sid: PlatformRoomSid(request.room_id),
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

/// Returns the store of the request if it names one, otherwise the configured one.
fn store(file: &DirectFileOutput, storage: Option<&StorageConfig>) -> Result<SpecStore, RpcError> {
    let other = |name| RpcError::unimplemented(format!("this worker stores to S3 or a folder, not to {name}"));
    match &file.output {
        Some(Upload::S3(upload)) => s3(upload).map(|s3| SpecStore::Own(Box::new(s3))),
        Some(Upload::Gcp(_)) => Err(other("Google Cloud Storage")),
        Some(Upload::Azure(_)) => Err(other("Azure")),
        Some(Upload::AliOss(_)) => Err(other("Alibaba OSS")),
        None => storage
            .and_then(|storage| storage.store.clone())
            .map(|store| SpecStore::Configured(Box::new(store)))
            .ok_or_else(|| missing("output")),
    }
}

fn s3(upload: &S3Upload) -> Result<S3Config, RpcError> {
    refuse_unsupported(upload)?;
    let endpoint = match upload.endpoint.as_str() {
        "" => None,
        text => Some(endpoint_url(text).ok_or_else(|| missing("s3.endpoint"))?),
    };
    Ok(S3Config {
        bucket: required(&upload.bucket, "s3.bucket")?,
        region: if upload.region.is_empty() {
            DEFAULT_REGION.to_owned()
        } else {
            upload.region.clone()
        },
        credentials: Credentials::fixed(Keys {
            access_key: required(&upload.access_key, "s3.access_key")?.into(),
            secret: required(&upload.secret, "s3.secret")?.into(),
            session_token: Some(upload.session_token.as_str())
                .filter(|token| !token.is_empty())
                .map(Into::into),
        }),
        endpoint,
        force_path_style: upload.force_path_style,
        ca_file: None,
        public_url: None,
    })
}

/// Refuses settings that this worker would otherwise ignore silently.
fn refuse_unsupported(upload: &S3Upload) -> Result<(), RpcError> {
    let settings = [
        ("assume_role_arn", !upload.assume_role_arn.is_empty()),
        ("proxy", upload.proxy.is_some()),
        ("metadata", !upload.metadata.is_empty()),
        ("tagging", !upload.tagging.is_empty()),
        (
            "content_disposition",
            !matches!(upload.content_disposition.as_str(), "" | "inline"),
        ),
    ];
    match settings.into_iter().find(|(_, is_set)| *is_set) {
        Some((field, _)) => Err(RpcError::unimplemented(format!(
            "s3.{field} is not supported by this worker"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use livekit_protocol as proto;
    use objects::{FolderConfig, StoreConfig};

    use super::*;
    use crate::psrpc::Code;

    fn upload() -> S3Upload {
        S3Upload {
            access_key: "GK1".into(),
            secret: "hush".into(),
            bucket: "calls".into(),
            endpoint: "http://127.0.0.1:3900".into(),
            force_path_style: true,
            ..Default::default()
        }
    }

    fn file(output: Option<Upload>) -> DirectFileOutput {
        DirectFileOutput {
            filepath: "a/{track_id}.ogg".into(),
            output,
            ..Default::default()
        }
    }

    fn track(file: DirectFileOutput) -> TrackEgressRequest {
        let (room_name, track_id) = ("standup".into(), "TR_1".into());
        TrackEgressRequest {
            room_name,
            track_id,
            output: Some(Output::File(file)),
            ..Default::default()
        }
    }

    fn start(request: Request) -> StartEgressRequest {
        let (egress_id, room_id) = ("EG_1".into(), "RM_1".into());
        StartEgressRequest {
            egress_id,
            room_id,
            request: Some(request),
            ..Default::default()
        }
    }

    fn folder() -> StorageConfig {
        let folder = FolderConfig {
            root: "/objects".into(),
        };
        StorageConfig {
            prefix: String::new(),
            store: Some(StoreConfig::Folder(folder)),
        }
    }

    fn parse(request: StartEgressRequest, storage: Option<&StorageConfig>) -> Result<RecordingSpec, RpcError> {
        super::parse(
            request,
            RequestContext {
                storage,
                now: DateTime::UNIX_EPOCH,
                received: Instant::now(),
            },
        )
    }

    fn refusal(request: StartEgressRequest) -> (Code, String) {
        let error = parse(request, Some(&folder())).unwrap_err();
        (error.code, error.message)
    }

    #[test]
    fn the_store_of_the_request_takes_precedence_over_the_configured_one() {
        let own = parse(
            start(Request::Track(track(file(Some(Upload::S3(upload())))))),
            Some(&folder()),
        )
        .unwrap();
        let ours = parse(start(Request::Track(track(file(None)))), Some(&folder())).unwrap();

        let SpecStore::Own(s3) = own.store else {
            panic!("{:?}", own.store)
        };
        assert_eq!(
            (s3.bucket.as_str(), s3.region.as_str(), s3.force_path_style),
            ("calls", "us-east-1", true)
        );
        assert!(matches!(ours.store, SpecStore::Configured(_)));
        assert!(!format!("{:?}{:?}", s3, own.meta).contains("hush"));
    }

    #[test]
    fn an_unsupported_request_is_refused_with_the_reason() {
        let no_track = TrackEgressRequest {
            track_id: String::new(),
            ..track(file(None))
        };
        let no_output = TrackEgressRequest {
            output: None,
            ..track(file(None))
        };
        let socket = TrackEgressRequest {
            output: Some(Output::WebsocketUrl("wss://x".into())),
            ..track(file(None))
        };
        let outside = DirectFileOutput {
            filepath: "../x.ogg".into(),
            ..file(None)
        };
        let gcp = file(Some(Upload::Gcp(proto::GcpUpload::default())));
        let tagged = file(Some(Upload::S3(S3Upload {
            tagging: "a=b".into(),
            ..upload()
        })));
        let no_key = file(Some(Upload::S3(S3Upload {
            access_key: String::new(),
            ..upload()
        })));
        let table = [
            (start(Request::Track(no_track)), Code::InvalidArgument, "track_id"),
            (start(Request::Track(no_output)), Code::InvalidArgument, "output"),
            (start(Request::Track(socket)), Code::Unimplemented, "websocket"),
            (start(Request::Track(track(outside))), Code::InvalidArgument, "filepath"),
            (start(Request::Track(track(gcp))), Code::Unimplemented, "Google"),
            (start(Request::Track(track(tagged))), Code::Unimplemented, "tagging"),
            (
                start(Request::Track(track(no_key))),
                Code::InvalidArgument,
                "access_key",
            ),
            (
                start(Request::Web(proto::WebEgressRequest::default())),
                Code::Unimplemented,
                "web",
            ),
            (StartEgressRequest::default(), Code::InvalidArgument, "egressID"),
        ];

        for (request, code, word) in table {
            let (found, message) = refusal(request);
            assert!(found == code && message.contains(word), "{word}: {found:?} {message}");
        }
    }

    #[test]
    fn an_egress_id_that_is_no_folder_name_is_refused() {
        for id in ["", "../x", "a/b", "EG_1\n", &"x".repeat(65)] {
            let request = StartEgressRequest {
                egress_id: id.into(),
                ..start(Request::Track(track(file(None))))
            };
            assert_eq!(refusal(request).0, Code::InvalidArgument, "{id:?}");
        }
    }

    #[test]
    fn a_request_without_any_store_is_refused() {
        let error = parse(start(Request::Track(track(file(None)))), None).unwrap_err();

        assert_eq!(error.message, "request has missing or invalid field: output");
    }
}
