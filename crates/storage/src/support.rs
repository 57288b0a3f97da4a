//! Rows for tests, each with defaults; a test states what matters to it.

use chrono::{DateTime, Utc};
use domain::{
    RoomName,
    event::PlatformKind,
    meeting::{Change, Meeting, MeetingHead, MeetingState, Outcome},
    participant::{Connection, Participant, ParticipantKind},
    recording::{Recording, RecordingState, Transcription},
    room::Room,
    track::{Track, TrackKind, TrackSource},
};
use sqlx::PgConnection;
use uuid::Uuid;

pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

pub fn id<T: From<Uuid>>() -> T {
    Uuid::now_v7().into()
}

pub fn room(name: &str) -> Room {
    Room::new(id(), RoomName::parse(name).unwrap(), PlatformKind::Livekit, now())
}

/// Ada, connected, with a microphone whose recording is requested.
pub fn meeting(room: &Room, sid: &str) -> Meeting {
    let head = MeetingHead {
        id: id(),
        room_id: room.id,
        platform: room.platform,
        platform_room_sid: sid.into(),
        started_at: now(),
        state: MeetingState::Open { missing_since: None },
    };
    let ada = Participant {
        id: id(),
        meeting_id: head.id,
        identity: "ada".into(),
        display_name: "Ada".to_owned(),
        kind: Some(ParticipantKind::Standard),
    };
    let connection = Connection {
        id: id(),
        meeting_id: head.id,
        participant_id: ada.id,
        sid: "PA_1".into(),
        joined_at: now(),
        left_at: None,
    };
    let track = Track {
        id: id(),
        meeting_id: head.id,
        participant_id: ada.id,
        sid: "TR_1".into(),
        kind: TrackKind::Audio,
        source: TrackSource::Microphone,
        mime_type: "audio/red".to_owned(),
        encrypted: false,
        published_at: now(),
        unpublished_at: None,
        not_recorded: None,
    };
    let recording = Recording {
        id: id(),
        meeting_id: head.id,
        track_id: track.id,
        identity: ada.identity.clone(),
        platform_room_sid: sid.into(),
        track_sid: track.sid.clone(),
        egress_id: None,
        requested_at: now(),
        state: RecordingState::Requested,
        acceptance: None,
        transcription: Transcription::Pending,
    };
    let (participants, connections) = (vec![ada], vec![connection]);
    Meeting {
        head,
        participants,
        connections,
        tracks: vec![track],
        recordings: vec![recording],
    }
}

/// The change that writes a meeting whole.
pub fn change(meeting: &Meeting) -> Change {
    Change {
        meetings: vec![meeting.head.clone()],
        participants: meeting.participants.clone(),
        connections: meeting.connections.clone(),
        tracks: meeting.tracks.clone(),
        recordings: meeting.recordings.clone(),
        ..Change::new(Outcome::Applied)
    }
}

/// [`meeting`] of a new room, written.
pub async fn meeting_with_track(conn: &mut PgConnection) -> Meeting {
    let room = room("standup");
    crate::rooms::insert(conn, &room).await.unwrap();
    let meeting = meeting(&room, "RM_1");
    crate::meetings::save(conn, &change(&meeting)).await.unwrap();
    meeting
}
