//! LiveKit's events in our words.

use chrono::{DateTime, Utc};
use domain::event::{
    EgressFile, EgressReport, EgressStatus, EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind, TrackEvent,
};
use domain::participant::{ParticipantKind, ParticipantSeen};
use domain::track::{TrackKind, TrackSeen, TrackSource};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{redact, wire};
use crate::{VerifiedEvent, WebhookError};

/// Reads a verified body.
pub fn read(body: &[u8], now: DateTime<Utc>) -> Result<VerifiedEvent, WebhookError> {
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(WebhookError::InvalidBody)?;
    let mut stored_body = Value::Object(fields);
    redact::redact(&mut stored_body);
    let sent = wire::WebhookEvent::deserialize(&stored_body).map_err(WebhookError::InvalidBody)?;
    let id = if sent.id.is_empty() {
        digest(body)
    } else {
        sent.id.clone()
    };
    let event = PlatformEvent {
        key: EventKey {
            platform: PlatformKind::Livekit,
            id,
        },
        occurred_at: seconds(sent.created_at).unwrap_or(now),
        room: room(&sent),
        kind: kind(&sent),
        name: sent.event,
    };
    Ok(VerifiedEvent { event, stored_body })
}

/// Stands in for an id that the sender left out.
fn digest(body: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(body)))
}

/// Egress events name their room within the egress; newer servers beside it too.
fn room(sent: &wire::WebhookEvent) -> Option<EventRoom> {
    let (name, sid, created_at) = match (&sent.room, &sent.egress_info) {
        (Some(room), _) => (
            &room.name,
            &room.sid,
            millis(room.creation_time_ms).or(seconds(room.creation_time)),
        ),
        (None, Some(egress)) => (&egress.room_name, &egress.room_id, None),
        (None, None) => return None,
    };
    if sid.is_empty() {
        return None;
    }
    Some(EventRoom {
        name: name.clone(),
        sid: sid.as_str().into(),
        created_at,
    })
}

fn kind(sent: &wire::WebhookEvent) -> EventKind {
    kind_of(sent).unwrap_or(EventKind::Unknown)
}

/// `None` also for an event that lacks what it is about.
fn kind_of(sent: &wire::WebhookEvent) -> Option<EventKind> {
    let participant = || sent.participant.as_ref().and_then(participant);
    let report = || sent.egress_info.as_ref().map(report);
    Some(match sent.event.as_str() {
        "room_started" => EventKind::MeetingStarted,
        "room_finished" => EventKind::MeetingEnded,
        "participant_joined" => EventKind::ParticipantJoined(participant()?),
        "participant_left" => EventKind::ParticipantLeft(participant()?),
        "participant_connection_aborted" => EventKind::ParticipantAborted,
        "track_published" => EventKind::TrackPublished(track_event(sent)?),
        "track_unpublished" => EventKind::TrackUnpublished(track_event(sent)?),
        "egress_started" => EventKind::RecordingStarted(report()?),
        "egress_updated" => EventKind::RecordingUpdated(report()?),
        "egress_ended" => EventKind::RecordingEnded(report()?),
        _ => return None,
    })
}

fn participant(sent: &wire::Participant) -> Option<ParticipantSeen> {
    if sent.identity.is_empty() || sent.sid.is_empty() {
        return None;
    }
    let kind = if sent.permission.recorder {
        ParticipantKind::Egress
    } else {
        participant_kind(&sent.kind)
    };
    Some(ParticipantSeen {
        sid: sent.sid.as_str().into(),
        identity: sent.identity.as_str().into(),
        display_name: sent.name.clone(),
        kind,
        joined_at: millis(sent.joined_at_ms).or(seconds(sent.joined_at)),
    })
}

fn track_event(sent: &wire::WebhookEvent) -> Option<TrackEvent> {
    let (participant, track) = (sent.participant.as_ref()?, sent.track.as_ref()?);
    if participant.identity.is_empty() || track.sid.is_empty() {
        return None;
    }
    Some(TrackEvent {
        identity: participant.identity.as_str().into(),
        participant_sid: participant.sid.as_str().into(),
        track: TrackSeen {
            sid: track.sid.as_str().into(),
            kind: track_kind(&track.kind),
            source: track_source(&track.source),
            mime_type: track.mime_type.clone(),
            encrypted: !matches!(track.encryption.as_str(), "" | "NONE"),
        },
    })
}

fn report(sent: &wire::Egress) -> EgressReport {
    let file = sent.file_results.first().or(sent.file.as_ref());
    EgressReport {
        egress_id: non_empty(&sent.egress_id).map(Into::into),
        room_sid: non_empty(&sent.room_id).map(Into::into),
        track_sid: sent
            .track
            .as_ref()
            .and_then(|track| non_empty(&track.track_id))
            .map(Into::into),
        status: egress_status(&sent.status),
        error: non_empty(&sent.error).map(str::to_owned),
        details: non_empty(&sent.details).map(str::to_owned),
        file: file.map(egress_file),
        manifest_location: non_empty(&sent.manifest_location).map(str::to_owned),
        started_at: nanos(sent.started_at),
        ended_at: nanos(sent.ended_at),
    }
}

fn egress_file(sent: &wire::File) -> EgressFile {
    EgressFile {
        key: non_empty(&sent.filename).map(str::to_owned),
        started_at: nanos(sent.started_at),
        ended_at: nanos(sent.ended_at),
        size_bytes: (sent.size > 0).then_some(sent.size),
    }
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn either_spelling_and_any_form_of_a_number_is_read() {
        let body = json!({
            "event": "egress_ended", "id": "EV_1", "created_at": 1000.9, "unknown": [{}],
            "egress_info": {
                "egress_id": "EG_1", "room_id": "RM_1", "room_name": "r", "status": "EGRESS_COMPLETE",
                "started_at": 1_500_000_000_000_000_000_i64, "track": {"track_id": "TR_1"},
                "file_results": [{"filename": "a.ogg", "size": "7", "started_at": "1500000001000000000"}],
            },
        });

        let event = read_json(&body);

        let EventKind::RecordingEnded(report) = event.kind else {
            panic!("{event:?}")
        };
        assert_eq!(event.occurred_at.timestamp(), 1000);
        assert_eq!(event.room.unwrap().sid.as_str(), "RM_1");
        assert_eq!(report.track_sid.unwrap().as_str(), "TR_1");
        assert_eq!(report.started_at.unwrap().timestamp(), 1_500_000_000);
        assert_eq!(report.file.unwrap().size_bytes, Some(7));
    }

    #[test]
    fn words_that_we_do_not_know_are_no_error() {
        let unknown = read_json(&json!({"event": "room_teleported", "id": "EV_1", "room": {"sid": "RM_1"}}));
        let status = read_json(&json!({"event": "egress_updated", "egressInfo": {"status": "EGRESS_SLEEPING"}}));

        assert_eq!(unknown.kind, EventKind::Unknown);
        assert_eq!(unknown.name, "room_teleported");
        let EventKind::RecordingUpdated(report) = status.kind else {
            panic!("{status:?}")
        };
        assert_eq!(report.status, EgressStatus::Unknown);
    }

    #[test]
    fn an_event_without_an_id_is_known_by_its_bytes() {
        let id = |body: &str| read(body.as_bytes(), now()).unwrap().event.key.id;

        assert_eq!(id(r#"{"event":"room_started"}"#), id(r#"{"event":"room_started"}"#));
        assert_ne!(id(r#"{"event":"room_started"}"#), id(r#"{"event": "room_started"}"#));
    }

    #[test]
    fn an_event_that_lacks_what_it_is_about_says_nothing() {
        for body in [
            json!({"event": "participant_joined", "room": {"sid": "RM_1"}}),
            json!({"event": "participant_joined", "participant": {"sid": "PA_1"}}),
            json!({"event": "track_published", "participant": {"identity": "a"}}),
            json!({"event": "egress_ended"}),
            json!({}),
        ] {
            assert_eq!(read_json(&body).kind, EventKind::Unknown, "{body}");
        }
    }

    #[test]
    fn wrong_types_count_as_missing() {
        let body = json!({"event": "track_published", "id": 7, "createdAt": {}, "room": [], "participant": "p", "track": null});

        let event = read_json(&body);

        assert_eq!(
            (event.kind, event.room, event.occurred_at),
            (EventKind::Unknown, None, now())
        );
    }

    #[test]
    fn times_that_no_database_holds_count_as_missing() {
        for created_at in [
            json!("9223372036854775807"),
            json!(1e300),
            json!(-5),
            json!("NaN"),
            json!("99999999999999999999"),
        ] {
            assert_eq!(
                read_json(&json!({"event": "room_started", "createdAt": created_at})).occurred_at,
                now()
            );
        }
    }

    #[test]
    fn damaged_json_is_an_error() {
        let deep = format!("{}{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        let arrays = "[".repeat(1_000_000);
        for body in [
            "",
            "{",
            "null",
            "[]",
            "7",
            r#"{"event":}"#,
            "{\"event\":\"\u{0}\"}",
            r#"{"n":1e999}"#,
            &deep,
            &arrays,
        ] {
            let read = read(body.as_bytes(), now());
            assert!(
                matches!(read, Err(WebhookError::InvalidBody(_))),
                "{}",
                &body[..body.len().min(40)]
            );
        }
        assert!(read(b"\xff\xfe{}", now()).is_err());
    }

    #[test]
    fn a_nul_reaches_neither_the_event_nor_what_is_kept() {
        let body = r#"{"event":"participant_left","participant":{"sid":"PA_1","identity":"a\u0000b","name":"\u0000"}}"#;

        let read = read(body.as_bytes(), now()).unwrap();

        let EventKind::ParticipantLeft(seen) = read.event.kind else {
            panic!()
        };
        assert_eq!(seen.identity.as_str(), "a\u{fffd}b");
        assert!(!read.stored_body.to_string().contains("\\u0000"));
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(name in "[a-z_]{0,20}", fields in proptest::collection::hash_map("[a-zA-Z]{1,12}", any::<Option<i64>>(), 0..8)) {
            for event in ["room_started", "participant_joined", "track_published", "egress_ended", name.as_str()] {
                let body = json!({"event": event, "room": fields, "participant": fields, "track": fields, "egressInfo": fields});
                prop_assert!(read(body.to_string().as_bytes(), now()).is_ok());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes, now());
        }
    }

    fn read_json(body: &Value) -> PlatformEvent {
        read(body.to_string().as_bytes(), now()).unwrap().event
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(2_000_000_000, 0).unwrap()
    }
}
