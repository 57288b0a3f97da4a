//! Reads meetings.

use chrono::{DateTime, Utc};
use domain::{
    MeetingId, RoomName,
    event::PlatformKind,
    meeting::{Meeting, MeetingHead},
    transcript::TranscriptState,
};
use sqlx::PgConnection;

use super::row::HeadRow;
use crate::{StorageError, captures, connections, participants, recordings, row::Row, tracks};

/// A meeting as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeetingView {
    pub id: MeetingId,
    pub room: RoomName,
    pub platform: PlatformKind,
    pub started_at: DateTime<Utc>,
    /// `None` while it is open.
    pub ended_at: Option<DateTime<Utc>>,
    pub transcript: TranscriptState,
}

/// Finds a meeting's own row.
pub async fn find(conn: &mut PgConnection, id: MeetingId) -> Result<Option<MeetingHead>, StorageError> {
    let row = sqlx::query_as!(
        HeadRow,
        "SELECT id, room_id, platform, platform_room_key, platform_room_session, platform_room_url, state, started_at,
                ended_at, missing_since
         FROM meetings
         WHERE id = $1",
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(MeetingHead::try_from).transpose()
}

/// Lists the open meetings of all rooms, oldest first.
pub async fn list_open(conn: &mut PgConnection) -> Result<Vec<MeetingHead>, StorageError> {
    let rows = sqlx::query_as!(
        HeadRow,
        "SELECT id, room_id, platform, platform_room_key, platform_room_session, platform_room_url, state, started_at,
                ended_at, missing_since
         FROM meetings
         WHERE state = 'open'
         ORDER BY id",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(MeetingHead::try_from).collect()
}

/// Finds a meeting as the API shows it.
pub async fn view(conn: &mut PgConnection, id: MeetingId) -> Result<Option<MeetingView>, StorageError> {
    let row = sqlx::query_as!(
        ViewRow,
        r#"SELECT meetings.id, rooms.name AS room, meetings.platform, meetings.started_at, meetings.ended_at,
                  transcripts.state AS "transcript?"
           FROM meetings
           JOIN rooms ON rooms.id = meetings.room_id
           LEFT JOIN transcripts ON transcripts.meeting_id = meetings.id
           WHERE meetings.id = $1"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(MeetingView::try_from).transpose()
}

/// Finds a meeting with all its rows, without locking it. A change that is committed meanwhile may be seen in part.
pub async fn find_whole(conn: &mut PgConnection, id: MeetingId) -> Result<Option<Meeting>, StorageError> {
    match find(conn, id).await? {
        Some(head) => Ok(Some(load(conn, head).await?)),
        None => Ok(None),
    }
}

/// Loads a meeting with its participants, connections, tracks, captures and recordings.
pub(super) async fn load(conn: &mut PgConnection, head: MeetingHead) -> Result<Meeting, StorageError> {
    Ok(Meeting {
        participants: participants::list_for_meeting(conn, head.id).await?,
        connections: connections::list_for_meeting(conn, head.id).await?,
        tracks: tracks::list_for_meeting(conn, head.id).await?,
        captures: captures::list_for_meeting(conn, head.id).await?,
        recordings: recordings::list_for_meeting(conn, head.id).await?,
        head,
    })
}

/// Columns of a [`MeetingView`].
pub(super) struct ViewRow {
    pub id: uuid::Uuid,
    pub room: String,
    pub platform: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub transcript: Option<String>,
}

impl TryFrom<ViewRow> for MeetingView {
    type Error = StorageError;

    fn try_from(row: ViewRow) -> Result<Self, StorageError> {
        let at = Row {
            table: "meetings",
            id: &row.id,
        };
        // One that this version does not know is still being made, by a newer one.
        let transcript = row.transcript.and_then(|word| serde_json::from_value(word.into()).ok());
        Ok(Self {
            id: MeetingId(row.id),
            room: at.read("room", RoomName::parse(row.room))?,
            platform: row.platform.parse().unwrap_or(PlatformKind::Other),
            started_at: row.started_at,
            ended_at: row.ended_at,
            transcript: transcript.unwrap_or(TranscriptState::Pending),
        })
    }
}
