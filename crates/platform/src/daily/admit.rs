//! Lets somebody join: makes the room at Daily if the meeting has none, and issues a token.

use chrono::{DateTime, TimeDelta, Utc};
use domain::platform_room::MadeRoom;

use super::adapter::Daily;
use super::join::{MeetingToken, user_id};
use super::{DailyClient, DailyRoom, NewRoom};
use crate::admission::new_identity;
use crate::room_name::{name_prefix, room_id};
use crate::{Admission, AdmitError, JoinRequest, LeftoverRoom, PlatformError, RoomToJoin};

/// Makes a room or looks whether the current one still exists, and issues a token for it.
pub async fn admit(
    daily: &Daily,
    request: &JoinRequest,
    room: &RoomToJoin,
    now: DateTime<Utc>,
) -> Result<Admission, AdmitError> {
    let ttl = request.check()?;
    let (joined, made) = match &room.current {
        Some(current) => (still_there(daily, current).await?, None),
        None => {
            let made = make(daily, room, now).await?;
            (made.clone(), Some(made))
        }
    };
    let token = meeting_token(daily, request, &joined, now + ttl);
    Ok(Admission {
        token: Some(daily.client.create_token(&token).await?),
        url: joined.url.into(),
        identity: token.user_id,
        expires_at: token.expires_at,
        made,
    })
}

/// Lists the rooms that we made and that still exist.
pub async fn made_rooms(client: &DailyClient) -> Result<Vec<LeftoverRoom>, PlatformError> {
    let leftover = |room: DailyRoom| {
        Some(LeftoverRoom {
            room_id: room_id(&room.name)?,
            key: room.name.as_str().into(),
            created_at: room.created_at,
        })
    };
    Ok(client.list_rooms().await?.into_iter().filter_map(leftover).collect())
}

/// Daily issues tokens for rooms that it does not have, so it is asked.
async fn still_there(daily: &Daily, current: &MadeRoom) -> Result<MadeRoom, PlatformError> {
    match daily.client.get_room(current.key.as_str()).await? {
        Some(_) => Ok(current.clone()),
        None => Err(PlatformError::NotFound(
            domain::event::PlatformKind::Daily,
            "the room does not exist".into(),
        )),
    }
}

/// The name follows from the room and its earlier platform rooms, so whoever makes this one makes the same.
async fn make(daily: &Daily, room: &RoomToJoin, now: DateTime<Utc>) -> Result<MadeRoom, PlatformError> {
    let expires_at = now + daily.config.room_life;
    let new = NewRoom {
        name: format!("{}{}", name_prefix(room.id), room.made_before),
        expires_at,
        max_participants: daily.config.max_participants,
        bucket: daily.config.bucket.clone(),
    };
    let made = daily.client.create_room(&new).await?;
    Ok(MadeRoom {
        key: made.name.into(),
        url: made.url,
        host_url: None,
        expires_at: made.expires_at.unwrap_or(expires_at),
    })
}

/// A token ends with its room at the latest.
fn meeting_token(daily: &Daily, request: &JoinRequest, room: &MadeRoom, until: DateTime<Utc>) -> MeetingToken {
    let identity = request.identity.clone();
    let identity = identity.unwrap_or_else(|| new_identity(&daily.config.identities));
    let until = until.min(room.expires_at);
    MeetingToken {
        room: room.key.to_string(),
        user_id: user_id(&identity),
        display_name: request.display_name.clone(),
        permissions: request.permissions,
        expires_at: until - TimeDelta::nanoseconds(i64::from(until.timestamp_subsec_nanos())),
    }
}
