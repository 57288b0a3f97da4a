//! Locks and writes meetings.

use chrono::{DateTime, Utc};
use domain::{
    MeetingId, PlatformRoomSid, RoomId, RoomName,
    event::{EventRoom, PlatformKind},
    meeting::{Change, EventContext, Meeting, MeetingHead, MeetingState},
    room::Room,
};
use sqlx::PgConnection;

use super::{read::load, row::HeadRow};
use crate::{StorageError, connections, events, jobs, participants, recordings, rooms, tracks};

/// What to do with a platform room whose name no room of ours has.
#[derive(Clone, Copy, Debug)]
pub enum Adopt {
    /// Ignore it.
    Never,
    /// Create a room with default settings and this id.
    As { id: RoomId, now: DateTime<Utc> },
}

/// Locks the room of an event and loads what is needed to judge the event; `None` if the room is not ours. Until the
/// transaction ends, no other one changes a meeting of this room.
pub async fn event_context(
    conn: &mut PgConnection,
    platform: PlatformKind,
    platform_room: &EventRoom,
    adopt: Adopt,
) -> Result<Option<EventContext>, StorageError> {
    let Some(room) = lock_room(conn, platform, platform_room, adopt).await? else {
        return Ok(None);
    };
    let meeting = match find_by_sid(conn, platform, &platform_room.sid).await? {
        Some(head) => Some(load(conn, head).await?),
        None => None,
    };
    let newest_other = match find_newest_other(conn, room.id, &platform_room.sid).await? {
        Some(head) => Some(load(conn, head).await?),
        None => None,
    };
    let deferred = events::list_deferred(conn, platform, &platform_room.sid).await?;
    Ok(Some(EventContext {
        room,
        meeting,
        newest_other,
        deferred,
    }))
}

/// Locks the room of a meeting and loads both. Until the transaction ends, no other one changes the meeting.
pub async fn lock(conn: &mut PgConnection, id: MeetingId) -> Result<Option<(Room, Meeting)>, StorageError> {
    let Some(head) = super::find(conn, id).await? else {
        return Ok(None);
    };
    let Some(room) = rooms::lock(conn, head.room_id).await? else {
        return Ok(None);
    };
    // Read it again: the previous holder of the lock may have changed it.
    match super::find(conn, id).await? {
        Some(head) => Ok(Some((room, load(conn, head).await?))),
        None => Ok(None),
    }
}

/// Saves a change and queues its jobs. The caller must hold the lock of [`event_context`] or [`lock`], and commits.
pub async fn save(conn: &mut PgConnection, change: &Change) -> Result<(), StorageError> {
    for meeting in &change.meetings {
        save_head(conn, meeting).await?;
    }
    for participant in &change.participants {
        participants::save(conn, participant).await?;
    }
    for connection in &change.connections {
        connections::save(conn, connection).await?;
    }
    for track in &change.tracks {
        tracks::save(conn, track).await?;
    }
    for recording in &change.withdrawn {
        recordings::delete(conn, *recording).await?;
    }
    for recording in &change.recordings {
        recordings::save(conn, recording).await?;
    }
    for event in &change.panicked {
        events::set_panicked(conn, event).await?;
    }
    jobs::add(conn, &change.jobs).await
}

/// Locks the room of an event: the room of its meeting, also if that was deleted or renamed, otherwise the room with its
/// name.
async fn lock_room(
    conn: &mut PgConnection,
    platform: PlatformKind,
    platform_room: &EventRoom,
    adopt: Adopt,
) -> Result<Option<Room>, StorageError> {
    if let Some(head) = find_by_sid(conn, platform, &platform_room.sid).await? {
        return rooms::lock(conn, head.room_id).await;
    }
    let Ok(name) = RoomName::parse(platform_room.name.as_str()) else {
        return Ok(None);
    };
    if let (Adopt::As { id, now }, None) = (adopt, rooms::find_by_name(conn, &name).await?) {
        rooms::insert_if_absent(conn, &Room::new(id, name.clone(), platform, now)).await?;
    }
    let room = rooms::lock_by_name(conn, &name).await?;
    Ok(room.filter(|room| room.platform == platform))
}

async fn find_by_sid(
    conn: &mut PgConnection,
    platform: PlatformKind,
    sid: &PlatformRoomSid,
) -> Result<Option<MeetingHead>, StorageError> {
    let row = sqlx::query_as!(
        HeadRow,
        "SELECT id, room_id, platform, platform_room_sid, state, started_at, ended_at, missing_since
         FROM meetings
         WHERE platform = $1 AND platform_room_sid = $2",
        platform.as_str(),
        sid.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(MeetingHead::try_from).transpose()
}

async fn find_newest_other(
    conn: &mut PgConnection,
    room: RoomId,
    sid: &PlatformRoomSid,
) -> Result<Option<MeetingHead>, StorageError> {
    let row = sqlx::query_as!(
        HeadRow,
        "SELECT id, room_id, platform, platform_room_sid, state, started_at, ended_at, missing_since
         FROM meetings
         WHERE room_id = $1 AND platform_room_sid <> $2
         ORDER BY started_at DESC, id DESC
         LIMIT 1",
        room.0,
        sid.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(MeetingHead::try_from).transpose()
}

async fn save_head(conn: &mut PgConnection, head: &MeetingHead) -> Result<(), StorageError> {
    let missing_since = match head.state {
        MeetingState::Open { missing_since } => missing_since,
        MeetingState::Closed { .. } => None,
    };
    sqlx::query!(
        "INSERT INTO meetings (id, room_id, platform, platform_room_sid, state, started_at, ended_at, missing_since)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO UPDATE
         SET state = EXCLUDED.state, started_at = EXCLUDED.started_at, ended_at = EXCLUDED.ended_at,
             missing_since = EXCLUDED.missing_since",
        head.id.0,
        head.room_id.0,
        head.platform.as_str(),
        head.platform_room_sid.as_str(),
        head.state.as_str(),
        head.started_at,
        head.ended_at(),
        missing_since,
    )
    .execute(conn)
    .await?;
    Ok(())
}
