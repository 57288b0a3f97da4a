//! Converts a meeting's own row.

use chrono::{DateTime, Utc};
use domain::{
    MeetingId, PlatformRoomKey, PlatformSession, RoomId,
    event::PlatformKind,
    meeting::{MeetingHead, MeetingState},
    platform_room::PlatformRoomRef,
};

use crate::{StorageError, row::Row};

pub(super) struct HeadRow {
    pub id: uuid::Uuid,
    pub room_id: uuid::Uuid,
    pub platform: String,
    pub platform_room_key: String,
    pub platform_room_session: Option<String>,
    pub platform_room_url: Option<String>,
    pub state: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub missing_since: Option<DateTime<Utc>>,
}

impl TryFrom<HeadRow> for MeetingHead {
    type Error = StorageError;

    fn try_from(row: HeadRow) -> Result<Self, StorageError> {
        let at = Row {
            table: "meetings",
            id: &row.id,
        };
        // Of a state that this version does not know, the end tells whether the meeting is over.
        let state = match (row.state.as_str(), row.ended_at) {
            ("open", Some(ended_at)) => Err(format!("\"open\" does not match ended_at {ended_at:?}")),
            ("closed", None) => Err("\"closed\" does not match ended_at NULL".to_owned()),
            (_, Some(ended_at)) => Ok(MeetingState::Closed { ended_at }),
            (_, None) => Ok(MeetingState::Open {
                missing_since: row.missing_since,
            }),
        };
        Ok(Self {
            id: MeetingId(row.id),
            room_id: RoomId(row.room_id),
            platform_room: PlatformRoomRef {
                platform: row.platform.parse().unwrap_or(PlatformKind::Other),
                key: PlatformRoomKey(row.platform_room_key),
                session: row.platform_room_session.map(PlatformSession),
                url: row.platform_room_url,
            },
            started_at: row.started_at,
            state: at.read("state", state)?,
        })
    }
}
