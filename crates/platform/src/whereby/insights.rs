//! Which sessions a room had, and who was in them. The only answer of Whereby to "is anybody there?".

use chrono::{DateTime, Utc};

use super::client::{Points, WherebyClient};
use super::list::pages;
use super::role::WherebyRole;
use super::room::plain_room_name;
use super::wire;
use crate::PlatformError;

/// A session of a room: from the first person to the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSession {
    /// Whereby's id of it.
    pub id: String,
    /// The room's name without the leading slash.
    pub room_name: String,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; `None` while it is going on.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Somebody's stay in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// Whereby's id of the connection.
    pub id: String,
    /// The `externalId` of the address that they opened: our identity; empty if it had none.
    pub external_id: String,
    /// Their name; empty if they gave none.
    pub display_name: String,
    /// Their role.
    pub role: WherebyRole,
    /// When they joined.
    pub joined_at: Option<DateTime<Utc>>,
    /// When they left; `None` while they are there.
    pub left_at: Option<DateTime<Utc>>,
}

impl WherebyClient {
    /// Lists the sessions of a room.
    ///
    /// # Errors
    /// A call failed, or the list does not end.
    pub async fn list_sessions(&self, room_name: &str) -> Result<Vec<RoomSession>, PlatformError> {
        let room = format!("/{}", plain_room_name(room_name));
        let first = || {
            self.get(&["insights", "room-sessions"], Points::Heavy)
                .query("roomName", &room)
        };
        let listed: Vec<wire::RoomSession> = pages(first).await?;
        Ok(listed.into_iter().map(session).collect())
    }

    /// Lists who was in a session, programs included.
    ///
    /// # Errors
    /// A call failed, or the list does not end.
    pub async fn list_attendees(&self, session: &str) -> Result<Vec<Attendee>, PlatformError> {
        let first = || {
            self.get(&["insights", "participants"], Points::Heavy)
                .query("roomSessionId", session)
        };
        let listed: Vec<wire::Participant> = pages(first).await?;
        Ok(listed.into_iter().map(attendee).collect())
    }
}

fn session(sent: wire::RoomSession) -> RoomSession {
    RoomSession {
        id: sent.room_session_id,
        room_name: plain_room_name(&sent.room_name).to_owned(),
        started_at: sent.started_at,
        ended_at: sent.ended_at,
    }
}

fn attendee(sent: wire::Participant) -> Attendee {
    Attendee {
        id: sent.participant_id,
        external_id: sent.external_id,
        display_name: sent.display_name,
        role: WherebyRole::parse(&sent.role_name),
        joined_at: sent.joined_at,
        left_at: sent.left_at,
    }
}
