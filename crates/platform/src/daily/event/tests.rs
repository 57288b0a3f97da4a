use domain::event::CaptureStatus;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const ROOM: &str = "standup-20260301090000";

#[test]
fn a_call_and_its_people_are_read_with_whole_and_broken_seconds() {
    let started = event(
        "meeting.started",
        json!({"start_ts": 1_772_355_600, "meeting_id": "m1", "room": ROOM}),
    );
    let joined = event(
        "participant.joined",
        json!({"session_id": "s1", "joined_at": 1_772_355_601.5, "room": ROOM, "user_id": "u-42", "user_name": "Zoë", "owner": false}),
    );
    let left = event(
        "participant.left",
        json!({"session_id": "s1", "joined_at": "1772355601.5", "room": ROOM, "duration": 60}),
    );

    let room = started.room.unwrap();
    assert_eq!(
        (room.key.as_str(), room.session.unwrap().as_str(), room.name),
        (ROOM, "m1", None)
    );
    assert_eq!(room.created_at.unwrap().timestamp(), 1_772_355_600);
    let EventKind::ParticipantJoined(zoe) = joined.kind else {
        panic!()
    };
    assert_eq!(
        (zoe.sid.as_str(), zoe.identity.as_str(), zoe.display_name.as_str()),
        ("s1", "u-42", "Zoë")
    );
    assert_eq!(joined.occurred_at.timestamp_millis(), 1_772_355_601_500);
    assert_eq!(joined.room.unwrap().session, None);
    let EventKind::ParticipantLeft(zoe) = left.kind else {
        panic!()
    };
    assert_eq!(
        zoe.identity.as_str(),
        "s1",
        "without a user id, the session's id is the identity"
    );
    assert_eq!(left.occurred_at.timestamp_millis(), 1_772_355_661_500);
}

#[test]
fn the_end_of_a_call_is_when_it_ended_and_not_when_daily_told_it() {
    let ended = event(
        "meeting.ended",
        json!({"start_ts": 1000, "end_ts": 2000.25, "meeting_id": "m1", "room": ROOM}),
    );

    assert_eq!(ended.kind, EventKind::MeetingEnded);
    assert_eq!(ended.occurred_at.timestamp_millis(), 2_000_250);
}

#[test]
fn a_knocker_and_unknown_events_have_no_effect() {
    for name in [
        "waiting-participant.joined",
        "waiting-participant.left",
        "transcript.started",
        "meeting.teleported",
        "",
    ] {
        let read = event(name, json!({"session_id": "s1", "user_id": "u", "room": ROOM}));
        assert_eq!((read.kind, read.name.as_str()), (EventKind::Unknown, name));
    }
    for name in ["participant.joined", "participant.left"] {
        assert_eq!(
            event(name, json!({"room": ROOM, "user_id": "u"})).kind,
            EventKind::Unknown
        );
    }
}

#[test]
fn a_started_recording_without_a_room_belongs_to_none() {
    let payload =
        json!({"recording_id": "r1", "action": "start-cloud-recording", "instance_id": "i", "start_ts": 1000});

    let started = event("recording.started", payload);

    assert_eq!(started.room, None);
    let EventKind::CaptureStarted(report) = started.kind else {
        panic!()
    };
    assert_eq!(report.platform_id.unwrap().as_str(), "r1");
    assert_eq!(report.status, CaptureStatus::Active);
}

#[test]
fn a_recording_whose_tracks_daily_cannot_list_has_not_ended_for_us() {
    let payload = |tracks| json!({"recording_id": "r1", "room_name": ROOM, "s3_key": "acme/x/1772355605120", "duration": 61, "tracks": tracks});

    let hidden = event("recording.ready-to-download", payload(Value::Null));
    let listed = event("recording.ready-to-download", payload(json!([])));

    assert!(matches!(hidden.kind, EventKind::CaptureUpdated(_)));
    assert!(matches!(listed.kind, EventKind::CaptureEnded(_)));
    assert_eq!(hidden.room.unwrap().key.as_str(), ROOM);
}

#[test]
fn an_error_ends_its_recording() {
    let payload = json!({"action": "clourd-recording-err", "error_msg": "example failure", "instance_id": "i", "room_name": ROOM, "timestamp": 1_772_355_660});

    let failed = event("recording.error", payload);

    let EventKind::CaptureEnded(report) = failed.kind else {
        panic!()
    };
    assert_eq!(
        (report.status, report.error.as_deref()),
        (CaptureStatus::Failed, Some("example failure"))
    );
    assert_eq!(failed.occurred_at.timestamp(), 1_772_355_660);
}

#[test]
fn what_is_stored_holds_no_token_of_a_shared_recording() {
    let body = json!({"type": "recording.ready-to-download", "payload": {"share_token": "secret", "user_name": "Zoë"}});

    let read = read(body.to_string().as_bytes(), now()).unwrap();

    assert_eq!(read.stored_body["payload"]["share_token"], "[removed]");
    assert_eq!(read.stored_body["payload"]["user_name"], "Zoë");
}

#[test]
fn fields_of_the_wrong_type_count_as_missing_and_malformed_json_is_an_error() {
    let odd = json!({"type": "participant.joined", "id": 7, "event_ts": {}, "payload": {"room": [], "session_id": 5, "joined_at": -1}});
    let read_odd = read(odd.to_string().as_bytes(), now()).unwrap().event;

    assert_eq!(
        (read_odd.kind, read_odd.room, read_odd.occurred_at),
        (EventKind::Unknown, None, now())
    );
    assert!(read_odd.key.id.starts_with("sha256:"));
    let deep = format!("{}{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    for body in ["", "null", "[]", "{", &deep] {
        assert!(read(body.as_bytes(), now()).is_err());
    }
}

#[test]
fn nul_characters_are_replaced() {
    let joined = event(
        "participant.joined",
        json!({"room": ROOM, "session_id": "s\0", "user_name": "\0"}),
    );

    let EventKind::ParticipantJoined(seen) = joined.kind else {
        panic!()
    };
    assert_eq!(seen.sid.as_str(), "s\u{fffd}");
}

proptest! {
    #[test]
    fn parsing_arbitrary_payloads_does_not_panic(fields in proptest::collection::hash_map("[a-z_]{1,12}", any::<Option<f64>>(), 0..8), end in any::<i64>()) {
        for name in ["meeting.ended", "participant.left", "recording.started", "recording.ready-to-download", "recording.error"] {
            let mut payload = json!(fields);
            payload["end_ts"] = json!(end);
            payload["duration"] = json!(end);
            payload["joined_at"] = json!(1_772_355_601);
            payload["start_ts"] = json!(1_772_355_601);
            payload["session_id"] = json!("s");
            payload["recording_id"] = json!("r");
            let body = json!({"type": name, "payload": payload});
            prop_assert!(read(body.to_string().as_bytes(), now()).is_ok());
        }
    }
}

fn event(name: &str, payload: Value) -> PlatformEvent {
    let body = json!({"version": "1.0.0", "type": name, "id": "e1", "payload": payload, "event_ts": 1_772_355_672.25, "new": 1});
    read(body.to_string().as_bytes(), now()).unwrap().event
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(2_000_000_000, 0).unwrap()
}
