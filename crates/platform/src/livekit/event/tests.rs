use std::sync::Arc;

use domain::ObjectKey;
use domain::event::CaptureStatus;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A store in which no location is.
fn nowhere() -> KeyOfLocation {
    Arc::new(|_| None)
}

#[test]
fn both_spellings_and_all_number_formats_are_parsed() {
    let body = json!({
        "event": "egress_ended", "id": "EV_1", "created_at": 1000.9, "unknown": [{}],
        "egress_info": {
            "egress_id": "EG_1", "room_id": "RM_1", "room_name": "r", "status": "EGRESS_COMPLETE",
            "started_at": 1_500_000_000_000_000_000_i64, "track": {"track_id": "TR_1"},
            "file_results": [{"filename": "a.ogg", "size": "7", "started_at": "1500000001000000000"}],
        },
    });

    let event = read_json(&body);

    let EventKind::CaptureEnded(report) = event.kind else {
        panic!("{event:?}")
    };
    assert_eq!(event.occurred_at.timestamp(), 1000);
    assert_eq!(event.room.unwrap().key.as_str(), "RM_1");
    assert_eq!(report.track_sid.unwrap().as_str(), "TR_1");
    assert_eq!(report.started_at.unwrap().timestamp(), 1_500_000_000);
    assert_eq!(report.files[0].size_bytes, Some(7));
}

#[test]
fn unknown_event_names_and_states_are_not_errors() {
    let unknown = read_json(&json!({"event": "room_teleported", "id": "EV_1", "room": {"sid": "RM_1"}}));
    let status = read_json(&json!({"event": "egress_updated", "egressInfo": {"status": "EGRESS_SLEEPING"}}));

    assert_eq!(unknown.kind, EventKind::Unknown);
    assert_eq!(unknown.name, "room_teleported");
    let EventKind::CaptureUpdated(report) = status.kind else {
        panic!("{status:?}")
    };
    assert_eq!(report.status, CaptureStatus::Unknown);
}

#[test]
fn an_event_without_an_id_is_identified_by_its_digest() {
    let id = |body: &str| read(body.as_bytes(), now(), &nowhere()).unwrap().event.key.id;

    assert_eq!(id(r#"{"event":"room_started"}"#), id(r#"{"event":"room_started"}"#));
    assert_ne!(id(r#"{"event":"room_started"}"#), id(r#"{"event": "room_started"}"#));
}

#[test]
fn an_event_without_its_subject_is_unknown() {
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
fn fields_of_the_wrong_type_count_as_missing() {
    let body =
        json!({"event": "track_published", "id": 7, "createdAt": {}, "room": [], "participant": "p", "track": null});

    let event = read_json(&body);

    assert_eq!(
        (event.kind, event.room, event.occurred_at),
        (EventKind::Unknown, None, now())
    );
}

#[test]
fn times_out_of_the_databases_range_count_as_missing() {
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
fn malformed_json_is_an_error() {
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
        let read = read(body.as_bytes(), now(), &nowhere());
        assert!(
            matches!(read, Err(WebhookError::InvalidBody(_))),
            "{}",
            &body[..body.len().min(40)]
        );
    }
    assert!(read(b"\xff\xfe{}", now(), &nowhere()).is_err());
}

#[test]
fn nul_characters_are_replaced_in_event_and_stored_body() {
    let body = r#"{"event":"participant_left","participant":{"sid":"PA_1","identity":"a\u0000b","name":"\u0000"}}"#;

    let read = read(body.as_bytes(), now(), &nowhere()).unwrap();

    let EventKind::ParticipantLeft(seen) = read.event.kind else {
        panic!()
    };
    assert_eq!(seen.identity.as_str(), "a\u{fffd}b");
    assert!(!read.stored_body.to_string().contains("\\u0000"));
}

proptest! {
    #[test]
    fn parsing_arbitrary_json_does_not_panic(name in "[a-z_]{0,20}", fields in proptest::collection::hash_map("[a-zA-Z]{1,12}", any::<Option<i64>>(), 0..8)) {
        for event in ["room_started", "participant_joined", "track_published", "egress_ended", name.as_str()] {
            let body = json!({"event": event, "room": fields, "participant": fields, "track": fields, "egressInfo": fields});
            prop_assert!(read(body.to_string().as_bytes(), now(), &nowhere()).is_ok());
        }
    }

    #[test]
    fn parsing_arbitrary_bytes_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, now(), &nowhere());
    }
}

fn read_json(body: &Value) -> PlatformEvent {
    read(body.to_string().as_bytes(), now(), &nowhere()).unwrap().event
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(2_000_000_000, 0).unwrap()
}

#[test]
fn the_key_of_a_file_includes_the_recorders_prefix() {
    let store: KeyOfLocation = Arc::new(|location| ObjectKey::parse(location.strip_prefix("https://s3/calls/")?).ok());
    let key = |filename: &str, location: &str| {
        let file = json!({"filename": filename, "location": location});
        let body = json!({"event": "egress_ended", "egressInfo": {"egressId": "EG_1", "fileResults": [file]}});
        let event = read(body.to_string().as_bytes(), now(), &store).unwrap().event;
        let EventKind::CaptureEnded(report) = event.kind else {
            panic!("{event:?}")
        };
        report.files[0].key.clone().unwrap()
    };

    assert_eq!(key("r/a.ogg", "https://s3/calls/prefix/r/a.ogg"), "prefix/r/a.ogg");
    assert_eq!(key("r/a.ogg", "https://s3/calls/r/a.ogg"), "r/a.ogg");
    assert_eq!(key("r/a.ogg", ""), "r/a.ogg");
    assert_eq!(key("r/a.ogg", "https://s3/other/r/a.ogg"), "r/a.ogg");
    assert_eq!(key("r/a.ogg", "https://s3/calls/r/b.ogg"), "r/a.ogg");
    assert_eq!(key("../a.ogg", "https://s3/calls/x/a.ogg"), "../a.ogg");
}
