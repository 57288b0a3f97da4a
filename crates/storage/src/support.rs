//! Rows for tests, with defaults; a test states what matters to it.

use chrono::{DateTime, Utc};
use domain::{
    RoomName,
    endpoint::Endpoint,
    event::PlatformKind,
    meeting::{Change, Meeting, MeetingHead, MeetingState, Outcome},
    participant::{Connection, Participant, ParticipantKind},
    platform_room::PlatformRoomRef,
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

/// An open meeting with Ada, connected, and a microphone track whose recording is requested.
pub fn meeting(room: &Room, sid: &str) -> Meeting {
    let head = meeting_head(room, sid);
    let ada = participant(&head);
    let connection = connection(&ada);
    let track = track(&ada);
    let recording = recording(&head, &ada, &track);
    Meeting {
        head,
        participants: vec![ada],
        connections: vec![connection],
        tracks: vec![track],
        recordings: vec![recording],
    }
}

fn meeting_head(room: &Room, sid: &str) -> MeetingHead {
    MeetingHead {
        id: id(),
        room_id: room.id,
        platform_room: PlatformRoomRef {
            platform: room.platform,
            key: sid.into(),
            session: None,
            url: (room.platform != PlatformKind::Livekit).then(|| format!("https://{sid}.test")),
        },
        started_at: now(),
        state: MeetingState::Open { missing_since: None },
    }
}

fn participant(meeting: &MeetingHead) -> Participant {
    Participant {
        id: id(),
        meeting_id: meeting.id,
        identity: "ada".into(),
        display_name: "Ada".to_owned(),
        kind: Some(ParticipantKind::Standard),
    }
}

fn connection(participant: &Participant) -> Connection {
    Connection {
        id: id(),
        meeting_id: participant.meeting_id,
        participant_id: participant.id,
        sid: "PA_1".into(),
        joined_at: now(),
        left_at: None,
    }
}

fn track(participant: &Participant) -> Track {
    Track {
        id: id(),
        meeting_id: participant.meeting_id,
        participant_id: participant.id,
        sid: "TR_1".into(),
        kind: TrackKind::Audio,
        source: TrackSource::Microphone,
        mime_type: "audio/red".to_owned(),
        encrypted: false,
        published_at: now(),
        unpublished_at: None,
        not_recorded: None,
    }
}

fn recording(meeting: &MeetingHead, participant: &Participant, track: &Track) -> Recording {
    Recording {
        id: id(),
        meeting_id: meeting.id,
        track_id: track.id,
        identity: participant.identity.clone(),
        platform_room_sid: meeting.platform_room.key.clone(),
        track_sid: track.sid.clone(),
        platform_id: None,
        requested_at: now(),
        attempts: 1,
        earlier_failure: None,
        reported_at: None,
        state: RecordingState::Requested,
        missing_since: None,
        last_error: None,
        acceptance: None,
        transcription: Transcription::Pending,
    }
}

/// The change that writes all of a meeting.
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

/// Inserts a room and saves a [`meeting`] in it.
pub async fn meeting_with_track(conn: &mut PgConnection) -> Meeting {
    let room = room("standup");
    crate::rooms::insert(conn, &room).await.unwrap();
    let meeting = meeting(&room, "RM_1");
    crate::meetings::save(conn, &change(&meeting)).await.unwrap();
    meeting
}

/// An enabled endpoint that wants everything.
pub fn endpoint() -> Endpoint {
    Endpoint {
        id: id(),
        url: "https://example.com/hook".to_owned(),
        description: String::new(),
        event_types: Vec::new(),
        room: None,
        disabled: None,
        failing_since: None,
        created_at: now(),
        updated_at: now(),
    }
}
