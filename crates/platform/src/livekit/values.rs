//! The protocol's enum names and times as domain values, shared by webhooks and API responses.

use chrono::{DateTime, Utc};
use domain::ObjectKey;
use domain::event::CaptureStatus;
use domain::participant::ParticipantKind;
use domain::track::{TrackKind, TrackSource};

use super::KeyOfLocation;
use crate::lenient::is_storable;

/// Returns the key of a recorded file. `filename` is the key without the recorder's prefix; the location of a stored file
/// has both.
pub fn object_key(filename: &str, location: &str, key_of: &KeyOfLocation) -> Option<String> {
    let filename = non_empty(filename)?;
    let stored = non_empty(location).and_then(|location| key_of(location));
    let requested = ObjectKey::parse(filename).ok();
    let stored = stored.filter(|key| requested.is_some_and(|requested| key.is_below_prefix(&requested)));
    Some(stored.map_or_else(|| filename.to_owned(), |key| key.to_string()))
}

/// Parses a `ParticipantInfo.Kind`. An omitted kind is `STANDARD`.
pub fn participant_kind(name: &str) -> ParticipantKind {
    match name {
        "" | "STANDARD" => ParticipantKind::Standard,
        "INGRESS" => ParticipantKind::Ingress,
        "EGRESS" => ParticipantKind::Recorder,
        "SIP" => ParticipantKind::Sip,
        "AGENT" => ParticipantKind::Agent,
        _ => ParticipantKind::Other,
    }
}

/// Parses a `TrackType`. An omitted type is `AUDIO`.
pub fn track_kind(name: &str) -> TrackKind {
    match name {
        "" | "AUDIO" => TrackKind::Audio,
        "VIDEO" => TrackKind::Video,
        _ => TrackKind::Data,
    }
}

/// Parses a `TrackSource`.
pub fn track_source(name: &str) -> TrackSource {
    match name {
        "CAMERA" => TrackSource::Camera,
        "MICROPHONE" => TrackSource::Microphone,
        "SCREEN_SHARE" => TrackSource::ScreenShare,
        "SCREEN_SHARE_AUDIO" => TrackSource::ScreenShareAudio,
        _ => TrackSource::Unknown,
    }
}

/// Parses an `EgressStatus`. An omitted status is `EGRESS_STARTING`.
pub fn egress_status(name: &str) -> CaptureStatus {
    match name {
        "" | "EGRESS_STARTING" => CaptureStatus::Starting,
        "EGRESS_ACTIVE" => CaptureStatus::Active,
        "EGRESS_ENDING" => CaptureStatus::Ending,
        "EGRESS_COMPLETE" => CaptureStatus::Complete,
        "EGRESS_FAILED" => CaptureStatus::Failed,
        "EGRESS_ABORTED" => CaptureStatus::Aborted,
        "EGRESS_LIMIT_REACHED" => CaptureStatus::LimitReached,
        _ => CaptureStatus::Unknown,
    }
}

/// Converts Unix seconds. LiveKit omits zero values, so 0 means unset.
pub fn seconds(since_1970: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(since_1970, 0).filter(is_storable)
}

/// Converts Unix milliseconds; 0 means unset.
pub fn millis(since_1970: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(since_1970).filter(is_storable)
}

/// Converts Unix nanoseconds; 0 means unset.
pub fn nanos(since_1970: i64) -> Option<DateTime<Utc>> {
    Some(DateTime::from_timestamp_nanos(since_1970)).filter(is_storable)
}

/// Returns `None` for an empty string, which the protocol uses for unset.
pub fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
