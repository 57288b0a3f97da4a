//! Newtypes for ids. Ours are UUIDv7; a platform's are its own text, taken as it came.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name(pub Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

uuid_id!(
    /// A standing place with a name and settings.
    RoomId
);
uuid_id!(
    /// One session in a room.
    MeetingId
);
uuid_id!(
    /// One identity in one meeting.
    ParticipantId
);
uuid_id!(
    /// One connection of a participant.
    ConnectionId
);
uuid_id!(
    /// One published stream, as we remember it; the platform's own id is [`TrackSid`].
    TrackId
);
uuid_id!(
    /// What one egress of one track left.
    RecordingId
);
uuid_id!(
    /// Work for later: a row.
    JobId
);
uuid_id!(
    /// A caller of our API.
    ApiKeyId
);

text_id!(
    /// Who someone is in a room, whatever their display name; lasts across connections.
    Identity
);
text_id!(
    /// The platform's id of one live container of a room (`RM_…` on LiveKit).
    PlatformRoomSid
);
text_id!(
    /// The platform's id of one connection (`PA_…` on LiveKit).
    ParticipantSid
);
text_id!(
    /// The platform's id of one published stream (`TR_…` on LiveKit).
    TrackSid
);
text_id!(
    /// The platform's id of one running act of recording (`EG_…` on LiveKit).
    EgressId
);

/// The name of a room: what people say and what stands in object keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomName(String);

/// A room's name that does not match `[a-z0-9][a-z0-9-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a room name is 1 to 63 characters of a-z, 0-9 and '-', and does not begin with '-'")]
pub struct BadRoomName;

impl RoomName {
    /// Longest name, in characters.
    pub const MAX_LEN: usize = 63;

    pub fn parse(name: impl Into<String>) -> Result<Self, BadRoomName> {
        let name = name.into();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > Self::MAX_LEN || name.starts_with('-') || !name.chars().all(allowed) {
            return Err(BadRoomName);
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoomName {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_names_are_lower_case_words_with_dashes() {
        for good in ["a", "standup", "team-7", "0", &"x".repeat(63)] {
            assert_eq!(RoomName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "Standup", "a b", "a/b", "..", "ä", &"x".repeat(64)] {
            assert_eq!(RoomName::parse(bad), Err(BadRoomName), "{bad}");
        }
    }
}
