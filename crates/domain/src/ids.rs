//! Newtypes for ids. Ours are UUIDv7; a platform's ids are text, stored as received.

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
            /// Returns the id as text.
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
    /// Identifies a room.
    RoomId
);
uuid_id!(
    /// Identifies a meeting.
    MeetingId
);
uuid_id!(
    /// Identifies a participant: an identity in a meeting.
    ParticipantId
);
uuid_id!(
    /// Identifies one connection of a participant.
    ConnectionId
);
uuid_id!(
    /// Identifies a published track in our database; the platform's id is [`TrackSid`].
    TrackId
);
uuid_id!(
    /// Identifies a capture; the platform's id is [`PlatformCaptureId`].
    CaptureId
);
uuid_id!(
    /// Identifies a recording: one file.
    RecordingId
);
uuid_id!(
    /// Identifies a room that we made on a platform.
    PlatformRoomId
);
uuid_id!(
    /// Identifies a job.
    JobId
);
uuid_id!(
    /// Identifies an API key.
    ApiKeyId
);
uuid_id!(
    /// Identifies a customer's webhook endpoint.
    EndpointId
);
uuid_id!(
    /// Identifies a delivery: one message to one endpoint.
    DeliveryId
);
uuid_id!(
    /// Identifies an event of the feed: what customers are told once, by every way.
    FeedEventId
);

text_id!(
    /// Identifies a participant across connections, independent of the display name.
    Identity
);
text_id!(
    /// The platform's id of a platform room.
    PlatformRoomKey
);
text_id!(
    /// The platform's id of one meeting in a platform room, on platforms whose rooms hold several one after the other.
    PlatformSession
);
text_id!(
    /// The platform's id of a participant's connection.
    ParticipantSid
);
text_id!(
    /// The platform's id of a published track.
    TrackSid
);
text_id!(
    /// The platform's id of a capture.
    PlatformCaptureId
);
text_id!(
    /// The platform's id of a file that one of its captures made.
    PlatformFileId
);

/// The name of a room, as people use it and as object keys contain it: `[a-z0-9][a-z0-9-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomName(String);

/// The error of [`RoomName::parse`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a room name is 1 to 63 characters of a-z, 0-9 and '-', and does not begin with '-'")]
pub struct BadRoomName;

impl RoomName {
    /// Longest name, in characters.
    pub const MAX_LEN: usize = 63;

    /// Parses a name.
    ///
    /// # Errors
    /// The name does not match `[a-z0-9][a-z0-9-]{0,62}`.
    pub fn parse(name: impl Into<String>) -> Result<Self, BadRoomName> {
        let name = name.into();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > Self::MAX_LEN || name.starts_with('-') || !name.chars().all(allowed) {
            return Err(BadRoomName);
        }
        Ok(Self(name))
    }

    /// Returns the name.
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
