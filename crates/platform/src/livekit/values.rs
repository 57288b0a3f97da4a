//! The protocol's enum names and times as domain values, shared by webhooks and API responses.

use chrono::{DateTime, Utc};
use domain::event::EgressStatus;
use domain::participant::ParticipantKind;
use domain::track::{TrackKind, TrackSource};

/// The kind by its name in the protocol; missing means an ordinary participant.
pub fn participant_kind(name: &str) -> ParticipantKind {
    match name {
        "" | "STANDARD" => ParticipantKind::Standard,
        "INGRESS" => ParticipantKind::Ingress,
        "EGRESS" => ParticipantKind::Egress,
        "SIP" => ParticipantKind::Sip,
        "AGENT" => ParticipantKind::Agent,
        _ => ParticipantKind::Other,
    }
}

pub fn track_kind(name: &str) -> TrackKind {
    match name {
        "" | "AUDIO" => TrackKind::Audio,
        "VIDEO" => TrackKind::Video,
        _ => TrackKind::Data,
    }
}

pub fn track_source(name: &str) -> TrackSource {
    match name {
        "CAMERA" => TrackSource::Camera,
        "MICROPHONE" => TrackSource::Microphone,
        "SCREEN_SHARE" => TrackSource::ScreenShare,
        "SCREEN_SHARE_AUDIO" => TrackSource::ScreenShareAudio,
        _ => TrackSource::Unknown,
    }
}

pub fn egress_status(name: &str) -> EgressStatus {
    match name {
        "" | "EGRESS_STARTING" => EgressStatus::Starting,
        "EGRESS_ACTIVE" => EgressStatus::Active,
        "EGRESS_ENDING" => EgressStatus::Ending,
        "EGRESS_COMPLETE" => EgressStatus::Complete,
        "EGRESS_FAILED" => EgressStatus::Failed,
        "EGRESS_ABORTED" => EgressStatus::Aborted,
        "EGRESS_LIMIT_REACHED" => EgressStatus::LimitReached,
        _ => EgressStatus::Unknown,
    }
}

/// A time in seconds since 1970; LiveKit leaves out what is 0.
pub fn seconds(since_1970: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(since_1970, 0).filter(is_storable)
}

pub fn millis(since_1970: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(since_1970).filter(is_storable)
}

pub fn nanos(since_1970: i64) -> Option<DateTime<Utc>> {
    Some(DateTime::from_timestamp_nanos(since_1970)).filter(is_storable)
}

/// Set, and within what a database's timestamp and a count of nanoseconds can hold.
fn is_storable(time: &DateTime<Utc>) -> bool {
    time.timestamp() > 0 && time.timestamp_nanos_opt().is_some()
}

pub fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
