//! Rows for tests, with defaults; a test states what matters to it.

use chrono::{DateTime, Utc};
use domain::{
    RoomName,
    capture::{Capture, CaptureState, CaptureTarget, CapturedTrack},
    endpoint::Endpoint,
    event::PlatformKind,
    meeting::{Change, Meeting, MeetingHead, MeetingState, Outcome},
    participant::{Connection, Participant, ParticipantKind},
    platform_room::PlatformRoomRef,
    recording::Recording,
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
    let capture = capture(&head, &ada, &track);
    let recording = Recording::new(id(), &capture);
    Meeting {
        head,
        participants: vec![ada],
        connections: vec![connection],
        tracks: vec![track],
        captures: vec![capture],
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

fn capture(meeting: &MeetingHead, participant: &Participant, track: &Track) -> Capture {
    Capture {
        id: id(),
        meeting_id: meeting.id,
        target: CaptureTarget::Track(CapturedTrack {
            id: track.id,
            sid: track.sid.clone(),
            identity: participant.identity.clone(),
        }),
        platform_id: None,
        requested_at: now(),
        attempts: 1,
        earlier_failure: None,
        reported_at: None,
        state: CaptureState::Requested,
        missing_since: None,
        last_error: None,
    }
}

/// The change that writes all of a meeting.
pub fn change(meeting: &Meeting) -> Change {
    Change {
        meetings: vec![meeting.head.clone()],
        participants: meeting.participants.clone(),
        connections: meeting.connections.clone(),
        tracks: meeting.tracks.clone(),
        captures: meeting.captures.clone(),
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
