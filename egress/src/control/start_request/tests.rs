use livekit_protocol::{self as proto, S3Upload, direct_file_output::Output as Upload};
use objects::{FolderConfig, StoreConfig};

use super::*;
use crate::{psrpc::Code, session::SpecStore};

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
