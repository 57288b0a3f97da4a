//! Locks and writes meetings.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::{
    MeetingId, RoomId, RoomName,
    event::PlatformKind,
    meeting::{Change, EventContext, Meeting, MeetingHead, MeetingState, Sighting},
    room::Room,
};
use sqlx::PgConnection;

use super::{read::load, row::HeadRow};
use crate::{
    StorageError, captures, connections, controls, events, jobs, participants, platform_rooms, recordings, rooms,
    tracks,
};

/// What to do with a platform room whose name no room of ours has.
#[derive(Clone, Copy, Debug)]
pub enum Adopt {
    /// Ignore it.
    Never,
    /// Create a room with default settings and this id.
    As { id: RoomId, now: DateTime<Utc> },
}

/// Locks the room of a sighting and loads what is needed to judge it; `None` if the room is not ours. Until the transaction
/// ends, no other one changes a meeting of this room.
pub async fn event_context(
    conn: &mut PgConnection,
    sighting: Sighting<'_>,
    adopt: Adopt,
) -> Result<Option<EventContext>, StorageError> {
    let Some((room, url)) = lock_room(conn, sighting, adopt).await? else {
        return Ok(None);
    };
    // Read again: the previous holder of the lock may have changed them.
    let of_room = list_by_key(conn, sighting).await?;
    let meeting = match sighting.meeting(&of_room).cloned() {
        Some(head) => Some(load(conn, head).await?),
        None => None,
    };
    let newest_other = match find_newest_other(conn, room.id, meeting.as_ref()).await? {
        Some(head) => Some(load(conn, head).await?),
        None => None,
    };
    let mut deferred = events::list_deferred(conn, sighting.platform, &sighting.room.key).await?;
    deferred.retain(|event| sighting.concerns(event, &of_room));
    Ok(Some(EventContext {
        room,
        url,
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
    for meeting in &change.meetings {
        end_platform_room(conn, meeting).await?;
    }
    for participant in &change.participants {
        participants::save(conn, participant).await?;
    }
    for connection in &change.connections {
        connections::save(conn, connection).await?;
    }
    let joined: BTreeSet<MeetingId> = change
        .connections
        .iter()
        .filter(|connection| connection.left_at.is_none())
        .map(|connection| connection.meeting_id)
        .collect();
    for meeting in joined {
        controls::enforce_if_any(conn, meeting).await?;
    }
    for track in &change.tracks {
        tracks::save(conn, track).await?;
    }
    for capture in &change.withdrawn {
        captures::delete(conn, *capture).await?;
    }
    for capture in &change.captures {
        captures::save(conn, capture).await?;
    }
    for recording in &change.recordings {
        recordings::save(conn, recording).await?;
    }
    for event in &change.panicked {
        events::set_panicked(conn, event).await?;
    }
    jobs::add(conn, &change.jobs).await
}

/// Locks the room of a sighting, and returns it with the address of the platform room if we made that: the room of its
/// meeting, also if that was deleted; the room for which we made the platform room; or the room with its name.
async fn lock_room(
    conn: &mut PgConnection,
    sighting: Sighting<'_>,
    adopt: Adopt,
) -> Result<Option<(Room, Option<String>)>, StorageError> {
    let (platform, platform_room) = (sighting.platform, sighting.room);
    if let Some(head) = list_by_key(conn, sighting).await?.into_iter().next() {
        let room = rooms::lock(conn, head.room_id).await?;
        return Ok(room.map(|room| (room, head.platform_room.url)));
    }
    let Some(name) = &platform_room.name else {
        let Some(made) = platform_rooms::find_by_key(conn, platform, &platform_room.key).await? else {
            return Ok(None);
        };
        let room = rooms::lock(conn, made.room_id).await?;
        return Ok(room.map(|room| (room, Some(made.made.url))));
    };
    let room = lock_named(conn, platform, name, adopt).await?;
    Ok(room.map(|room| (room, None)))
}

/// Locks the room that has this name now, on this platform; creates it if rooms are adopted.
async fn lock_named(
    conn: &mut PgConnection,
    platform: PlatformKind,
    name: &str,
    adopt: Adopt,
) -> Result<Option<Room>, StorageError> {
    let Ok(name) = RoomName::parse(name) else {
        return Ok(None);
    };
    if let (Adopt::As { id, now }, None) = (adopt, rooms::find_by_name(conn, &name).await?) {
        rooms::insert_if_absent(conn, &Room::new(id, name.clone(), platform, now)).await?;
    }
    let room = rooms::lock_by_name(conn, &name).await?;
    Ok(room.filter(|room| room.platform == platform))
}

/// Lists the meetings of a platform room. A room has one, or few.
async fn list_by_key(conn: &mut PgConnection, sighting: Sighting<'_>) -> Result<Vec<MeetingHead>, StorageError> {
    let rows = sqlx::query_as!(
        HeadRow,
        "SELECT id, room_id, platform, platform_room_key, platform_room_session, platform_room_url, state, started_at,
                ended_at, missing_since
         FROM meetings
         WHERE platform = $1 AND platform_room_key = $2
         ORDER BY started_at, id",
        sighting.platform.as_str(),
        sighting.room.key.as_str(),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(MeetingHead::try_from).collect()
}

async fn find_newest_other(
    conn: &mut PgConnection,
    room: RoomId,
    meeting: Option<&Meeting>,
) -> Result<Option<MeetingHead>, StorageError> {
    let row = sqlx::query_as!(
        HeadRow,
        "SELECT id, room_id, platform, platform_room_key, platform_room_session, platform_room_url, state, started_at,
                ended_at, missing_since
         FROM meetings
         WHERE room_id = $1 AND ($2::uuid IS NULL OR id <> $2)
         ORDER BY started_at DESC, id DESC
         LIMIT 1",
        room.0,
        meeting.map(|meeting| meeting.head.id.0),
    )
    .fetch_optional(conn)
    .await?;
    row.map(MeetingHead::try_from).transpose()
}

/// Ends the platform room that we made for a meeting, once that has closed.
async fn end_platform_room(conn: &mut PgConnection, meeting: &MeetingHead) -> Result<(), StorageError> {
    let platform_room = &meeting.platform_room;
    match meeting.ended_at() {
        Some(ended_at) if platform_room.url.is_some() => {
            platform_rooms::end_with_meeting(conn, platform_room.platform, &platform_room.key, ended_at).await
        }
        _ => Ok(()),
    }
}

async fn save_head(conn: &mut PgConnection, head: &MeetingHead) -> Result<(), StorageError> {
    let platform_room = &head.platform_room;
    let missing_since = match head.state {
        MeetingState::Open { missing_since } => missing_since,
        MeetingState::Closed { .. } => None,
    };
    sqlx::query!(
        "INSERT INTO meetings (id, room_id, platform, platform_room_key, platform_room_session, platform_room_url, state,
                               started_at, ended_at, missing_since)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (id) DO UPDATE
         SET platform_room_session = EXCLUDED.platform_room_session, state = EXCLUDED.state,
             started_at = EXCLUDED.started_at, ended_at = EXCLUDED.ended_at, missing_since = EXCLUDED.missing_since",
        head.id.0,
        head.room_id.0,
        platform_room.platform.as_str(),
        platform_room.key.as_str(),
        platform_room.session.as_ref().map(|session| session.as_str()),
        platform_room.url.as_deref(),
        head.state.as_str(),
        head.started_at,
        head.ended_at(),
        missing_since,
    )
    .execute(conn)
    .await?;
    Ok(())
}
