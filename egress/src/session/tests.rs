//! Values for the unit tests of sessions, and sessions that are broken on purpose.

mod panics;

use domain::UnixNanos;
use livekit_protocol::{TrackEgressRequest, egress_info};
use media::SavedClock;
use objects::{FolderConfig, StoreConfig};

use super::{
    manifest::Publisher,
    name::{NameTemplate, RequestValues, TrackValues},
    outcome::FoundTrack,
    spec::{EgressMeta, RecordingSpec, SpecStore},
};

/// A request to record `TR_1` into a folder.
pub fn spec(egress_id: &str) -> RecordingSpec {
    let (egress_id, track_sid) = (egress_id.into(), "TR_1".into());
    let values = RequestValues {
        egress_id: &egress_id,
        room_name: "standup",
        room_id: "RM_1",
        track_id: &track_sid,
        retry_count: 0,
        now: chrono::DateTime::UNIX_EPOCH,
    };
    RecordingSpec {
        name: NameTemplate::new("{publisher_identity}-{egress_id}", "calls", &values).unwrap(),
        store: SpecStore::Configured(Box::new(StoreConfig::Folder(FolderConfig {
            root: "/objects".into(),
        }))),
        writes_manifest: true,
        received: std::time::Instant::now(),
        started_at: UnixNanos(1_800_000_000_000_000_000),
        meta: EgressMeta {
            egress_id,
            room_sid: "RM_1".into(),
            room_name: "standup".into(),
            retry_count: 0,
            request: egress_info::Request::Track(TrackEgressRequest {
                track_id: "TR_1".into(),
                ..Default::default()
            }),
        },
        track_sid,
    }
}

/// The track of [`spec`], once it was found.
pub fn found_track() -> FoundTrack {
    let publisher = Publisher {
        identity: "ada".into(),
        sid: "PA_1".into(),
        display_name: "Ada".into(),
        source: "microphone".into(),
    };
    let values = TrackValues {
        track_source: &publisher.source,
        publisher_identity: &publisher.identity,
    };
    FoundTrack {
        name: spec("EG_1").name.resolve(&values).unwrap(),
        found_at: UnixNanos(5),
        clock: SavedClock {
            boot_id: "boot".into(),
            boottime_ns: 7,
            unix_ns: UnixNanos(9),
        },
        publisher,
    }
}
