use domain::event::CaptureStatus;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const ROOM: &str = "standup-5d1d2f3c-0b7e-4c11-9f65-8e5b1f1f9a20";

#[test]
fn people_are_found_by_our_identity_and_programs_are_no_people() {
    let joined = |role: &str, external_id: Value| {
        let data = json!({"meetingId": "812345", "roomName": format!("/{ROOM}"), "roomSessionId": "s1", "participantId": "c1",
            "displayName": "Zoë", "roleName": role, "externalId": external_id, "numClients": 1});
        let read = event("room.client.joined", data);
        let EventKind::ParticipantJoined(seen) = read.kind else {
            panic!()
        };
        (seen, read.room.unwrap())
    };

    let (zoe, room) = joined("visitor", json!("p-zoe"));
    assert_eq!((room.key.as_str(), room.session.unwrap().as_str()), (ROOM, "s1"));
    assert_eq!(
        (zoe.identity.as_str(), zoe.sid.as_str(), zoe.display_name.as_str()),
        ("p-zoe", "c1", "Zoë")
    );
    assert_eq!(zoe.joined_at.unwrap().timestamp(), 1_772_355_605);
    for (role, kind) in [
        ("host", ParticipantKind::Standard),
        ("granted_viewer", ParticipantKind::Standard),
        ("new_role", ParticipantKind::Standard),
        ("recorder", ParticipantKind::Recorder),
        ("streamer", ParticipantKind::Other),
        ("captioner", ParticipantKind::Other),
    ] {
        let (seen, _) = joined(role, Value::Null);
        assert_eq!((seen.kind, seen.identity.as_str()), (kind, "c1"), "{role}");
    }
}

#[test]
fn the_slash_before_a_rooms_name_does_not_matter() {
    let key = |name: String| {
        event("room.client.left", json!({"roomName": name, "participantId": "c"}))
            .room
            .unwrap()
            .key
    };

    assert_eq!(key(ROOM.to_owned()), key(format!("/{ROOM}")));
}

#[test]
fn nothing_that_whereby_sends_ends_a_meeting() {
    for name in [
        "room.session.started",
        "room.session.ended",
        "room.client.knocked",
        "transcription.finished",
        "assistant.requested",
        "new",
    ] {
        let read = event(name, json!({"roomName": ROOM, "participantId": "c1", "numClients": 0}));
        assert_eq!((read.kind, read.name.as_str()), (EventKind::Unknown, name));
    }
}

#[test]
fn a_finished_recording_is_found_by_the_rooms_name() {
    let data = json!({"filename": format!("{ROOM}-2026-03-01T09:00:05Z.mkv"), "recordingId": "r1", "roomName": ROOM, "status": "completed"});

    let finished = event("recording.finished", data);

    assert_eq!(finished.room.unwrap().key.as_str(), ROOM);
    let EventKind::CaptureEnded(report) = finished.kind else {
        panic!()
    };
    assert_eq!(
        (report.platform_id.unwrap().as_str(), report.status),
        ("r1", CaptureStatus::Complete)
    );
    assert_eq!(report.started_at.unwrap().timestamp(), 1_772_355_605);
    assert!(report.files[0].mixed && report.files[0].id.as_ref().unwrap().as_str() == "r1");
    assert_eq!(
        event("recording.finished", json!({"roomName": ROOM})).kind,
        EventKind::Unknown
    );
}

#[test]
fn fields_of_the_wrong_type_count_as_missing_and_malformed_json_is_an_error() {
    let odd = json!({"type": "room.client.joined", "id": [], "createdAt": 5.5e300, "data": {"roomName": 7, "participantId": {}}});
    let read_odd = read(odd.to_string().as_bytes(), now()).unwrap().event;

    assert_eq!(
        (read_odd.kind, read_odd.room, read_odd.occurred_at),
        (EventKind::Unknown, None, now())
    );
    assert!(read_odd.key.id.starts_with("sha256:"));
    let deep = "[".repeat(1_000_000);
    for body in ["", "null", "[]", "{", &deep] {
        assert!(read(body.as_bytes(), now()).is_err());
    }
}

proptest! {
    #[test]
    fn parsing_arbitrary_data_does_not_panic(fields in proptest::collection::hash_map("[a-zA-Z]{1,12}", "[ -~é]{0,20}", 0..8), file in "[0-9T:Zé.-]{0,40}") {
        for name in ["room.client.joined", "room.client.left", "recording.finished"] {
            let mut data = json!(fields);
            data["filename"] = json!(file);
            data["recordingId"] = json!("r");
            data["participantId"] = json!("c");
            let body = json!({"type": name, "data": data});
            prop_assert!(read(body.to_string().as_bytes(), now()).is_ok());
        }
    }
}

fn event(name: &str, data: Value) -> PlatformEvent {
    let body = json!({"id": "e1", "apiVersion": "1.0", "createdAt": "2026-03-01T09:00:05.000Z", "type": name, "data": data, "new": 1});
    read(body.to_string().as_bytes(), now()).unwrap().event
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(2_000_000_000, 0).unwrap()
}
