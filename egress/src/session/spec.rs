//! What a session is asked to record.

use std::time::Instant;

use domain::{PlatformCaptureId as EgressId, PlatformRoomKey, TrackSid, UnixNanos};
use livekit_protocol::egress_info;
use objects::{S3Config, StoreConfig};

use super::name::NameTemplate;

/// A validated request to record one track.
#[derive(Clone, Debug)]
pub struct RecordingSpec {
    pub meta: EgressMeta,
    pub track_sid: TrackSid,
    pub name: NameTemplate,
    pub store: SpecStore,
    /// Whether a manifest is stored beside the file.
    pub writes_manifest: bool,
    /// When the request arrived, or the session was recovered.
    pub received: Instant,
    /// When the egress began.
    pub started_at: UnixNanos,
}

/// Where a recording is stored.
#[derive(Clone, Debug)]
pub enum SpecStore {
    /// In the configured store, whose credentials are read again by each process.
    Configured(Box<StoreConfig>),
    /// In the bucket that the request names.
    Own(Box<S3Config>),
}

impl SpecStore {
    pub fn config(&self) -> StoreConfig {
        match self {
            Self::Configured(config) => (**config).clone(),
            Self::Own(s3) => StoreConfig::S3((**s3).clone()),
        }
    }
}

/// The ids and names of an egress, which never change.
#[derive(Clone, Debug, PartialEq)]
pub struct EgressMeta {
    pub egress_id: EgressId,
    pub room_sid: PlatformRoomKey,
    pub room_name: String,
    pub retry_count: i32,
    /// The request, with its webhooks and without its secrets.
    pub request: egress_info::Request,
}
