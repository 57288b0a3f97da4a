//! Rooms on the platforms, in which our meetings take place.

use chrono::{DateTime, Utc};

use crate::event::{EventRoom, PlatformKind};
use crate::{PlatformRoomId, PlatformRoomKey, PlatformSession, RoomId, RoomName};

/// Where a meeting takes place. Meetings are unique by platform, key and session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformRoomRef {
    /// The platform that carries the meeting.
    pub platform: PlatformKind,
    /// The platform's id of the room.
    pub key: PlatformRoomKey,
    /// The platform's id of this meeting in the room. `None` on platforms whose rooms hold one meeting each, and until an
    /// event names it.
    pub session: Option<PlatformSession>,
    /// Where people open the room, on platforms that give each room an address.
    pub url: Option<String>,
}

impl PlatformRoomRef {
    /// Whether something that the platform reports about `room` can concern this meeting: the room is the same, and the
    /// sessions do not differ.
    pub fn may_be(&self, room: &EventRoom) -> bool {
        self.key == room.key && !matches!((&self.session, &room.session), (Some(ours), Some(other)) if ours != other)
    }
}

impl PlatformRoomRef {
    /// Returns the room as calls to the platform name it: some platforms know it by our room's name.
    pub fn named(&self, name: &RoomName) -> EventRoom {
        EventRoom {
            name: Some(name.to_string()),
            key: self.key.clone(),
            session: self.session.clone(),
            created_at: None,
        }
    }
}

/// A room that we made on a platform, for one meeting. Platforms that make a room when the first person joins have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformRoom {
    /// Our id.
    pub id: PlatformRoomId,
    /// The room whose meeting takes place in it.
    pub room_id: RoomId,
    /// The platform.
    pub platform: PlatformKind,
    /// What the platform told about it when it was made.
    pub made: MadeRoom,
    /// When we made it.
    pub created_at: DateTime<Utc>,
}

/// A room as the platform describes it after making it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeRoom {
    /// The platform's id of the room.
    pub key: PlatformRoomKey,
    /// Where people open it.
    pub url: String,
    /// Where hosts open it, if that differs. Whoever knows it is a host.
    pub host_url: Option<HostUrl>,
    /// When the platform closes it at the latest.
    pub expires_at: DateTime<Utc>,
}

/// An address that makes whoever opens it a host: a secret, which [`Debug`](std::fmt::Debug) does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct HostUrl(String);

impl HostUrl {
    /// Returns the address, to be given to a host or to be stored.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for HostUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl std::fmt::Debug for HostUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostUrl([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_session_may_be_any_and_a_known_one_only_itself() {
        let with = |session: Option<&str>| PlatformRoomRef {
            platform: PlatformKind::Daily,
            key: "standup-1".into(),
            session: session.map(Into::into),
            url: None,
        };
        let seen = |key: &str, session: Option<&str>| EventRoom {
            name: None,
            key: key.into(),
            session: session.map(Into::into),
            created_at: None,
        };

        assert!(with(None).may_be(&seen("standup-1", Some("a"))) && with(Some("a")).may_be(&seen("standup-1", None)));
        assert!(with(Some("a")).may_be(&seen("standup-1", Some("a"))));
        assert!(!with(Some("a")).may_be(&seen("standup-1", Some("b"))));
        assert!(!with(None).may_be(&seen("standup-2", None)));
    }

    #[test]
    fn debug_output_does_not_show_the_address_of_hosts() {
        let shown = format!(
            "{:?}",
            HostUrl::from("https://example.test/room?roomKey=abc".to_owned())
        );

        assert_eq!(shown, "HostUrl([secret])");
    }
}
