//! What a session is asked to record.

use std::time::Instant;

use domain::{EgressId, PlatformRoomSid, TrackSid};
use livekit_protocol::egress_info;
use objects::StoreConfig;

use super::name::NameTemplate;

/// A validated request to record one track.
#[derive(Clone, Debug)]
pub struct RecordingSpec {
    pub meta: EgressMeta,
    pub track_sid: TrackSid,
    pub name: NameTemplate,
    pub store: StoreConfig,
    /// Whether a manifest is stored beside the file.
    pub writes_manifest: bool,
    /// When the request arrived.
    pub received: Instant,
}

/// The ids and names of an egress, which never change.
#[derive(Clone, Debug, PartialEq)]
pub struct EgressMeta {
    pub egress_id: EgressId,
    pub room_sid: PlatformRoomSid,
    pub room_name: String,
    pub retry_count: i32,
    /// The request, with its webhooks and without its secrets.
    pub request: egress_info::Request,
}
