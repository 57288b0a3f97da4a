//! The body of LiveKit's webhooks: the protobuf message `WebhookEvent` in protobuf's JSON encoding.
//!
//! Parsing is lenient: unknown fields are ignored, a field of the wrong type counts as missing, names may be in camel or
//! snake case, numbers may be strings, enums are strings. The sender omits default values.

use serde::Deserialize;

use crate::lenient::{lenient, number};

/// Names of fields with secrets, in lower case without underscores: credentials of stores (a failed automatic egress
/// contains them in clear text), streams and proxies, and the room's TURN password.
pub const SECRET_FIELDS: &[&str] = &[
    "accesskey",
    "accesskeyid",
    "secret",
    "secretkey",
    "secretaccesskey",
    "sessiontoken",
    "assumerolearn",
    "assumeroleexternalid",
    "accountkey",
    "accountname",
    "credentials",
    "password",
    "username",
    "turnpassword",
    "token",
    "streamkey",
    "signingkey",
    "url",
    "urls",
    "websocketurl",
    "proxy",
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WebhookEvent {
    #[serde(deserialize_with = "lenient")]
    pub event: String,
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    /// Unix seconds.
    #[serde(alias = "created_at", deserialize_with = "number")]
    pub created_at: i64,
    #[serde(deserialize_with = "lenient")]
    pub room: Option<Room>,
    #[serde(deserialize_with = "lenient")]
    pub participant: Option<Participant>,
    #[serde(deserialize_with = "lenient")]
    pub track: Option<Track>,
    #[serde(alias = "egress_info", deserialize_with = "lenient")]
    pub egress_info: Option<Egress>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Room {
    #[serde(deserialize_with = "lenient")]
    pub sid: String,
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// Unix seconds.
    #[serde(alias = "creation_time", deserialize_with = "number")]
    pub creation_time: i64,
    #[serde(alias = "creation_time_ms", deserialize_with = "number")]
    pub creation_time_ms: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Participant {
    #[serde(deserialize_with = "lenient")]
    pub sid: String,
    #[serde(deserialize_with = "lenient")]
    pub identity: String,
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// Omitted for `STANDARD`.
    #[serde(deserialize_with = "lenient")]
    pub kind: String,
    /// Unix seconds.
    #[serde(alias = "joined_at", deserialize_with = "number")]
    pub joined_at: i64,
    #[serde(alias = "joined_at_ms", deserialize_with = "number")]
    pub joined_at_ms: i64,
    #[serde(deserialize_with = "lenient")]
    pub permission: Permission,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Permission {
    #[serde(deserialize_with = "lenient")]
    pub recorder: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Track {
    #[serde(deserialize_with = "lenient")]
    pub sid: String,
    /// Omitted for `AUDIO`.
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// Omitted for `UNKNOWN`.
    #[serde(deserialize_with = "lenient")]
    pub source: String,
    #[serde(alias = "mime_type", deserialize_with = "lenient")]
    pub mime_type: String,
    /// Omitted for `NONE`.
    #[serde(deserialize_with = "lenient")]
    pub encryption: String,
}

/// `EgressInfo`. Times are Unix nanoseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Egress {
    #[serde(alias = "egress_id", deserialize_with = "lenient")]
    pub egress_id: String,
    #[serde(alias = "room_id", deserialize_with = "lenient")]
    pub room_id: String,
    #[serde(alias = "room_name", deserialize_with = "lenient")]
    pub room_name: String,
    /// Omitted for `EGRESS_STARTING`.
    #[serde(deserialize_with = "lenient")]
    pub status: String,
    #[serde(alias = "started_at", deserialize_with = "number")]
    pub started_at: i64,
    #[serde(alias = "ended_at", deserialize_with = "number")]
    pub ended_at: i64,
    #[serde(alias = "updated_at", deserialize_with = "number")]
    pub updated_at: i64,
    #[serde(deserialize_with = "lenient")]
    pub track: Option<TrackRequest>,
    #[serde(alias = "file_results", deserialize_with = "lenient")]
    pub file_results: Vec<File>,
    /// Where older servers report the only file.
    #[serde(deserialize_with = "lenient")]
    pub file: Option<File>,
    #[serde(deserialize_with = "lenient")]
    pub error: String,
    #[serde(deserialize_with = "lenient")]
    pub details: String,
    #[serde(alias = "manifest_location", deserialize_with = "lenient")]
    pub manifest_location: String,
}

/// The request of a track egress.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TrackRequest {
    #[serde(alias = "track_id", deserialize_with = "lenient")]
    pub track_id: String,
    #[serde(deserialize_with = "lenient")]
    pub file: FileRequest,
}

/// Where a request asks for the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FileRequest {
    #[serde(deserialize_with = "lenient")]
    pub filepath: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct File {
    #[serde(deserialize_with = "lenient")]
    pub filename: String,
    #[serde(alias = "started_at", deserialize_with = "number")]
    pub started_at: i64,
    #[serde(alias = "ended_at", deserialize_with = "number")]
    pub ended_at: i64,
    #[serde(deserialize_with = "number")]
    pub size: i64,
    #[serde(deserialize_with = "lenient")]
    pub location: String,
}
