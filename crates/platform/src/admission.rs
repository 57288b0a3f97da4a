//! How somebody gets into a room: what is asked of a platform, and what it answers.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use domain::clock::IdSource;
use domain::participant::Role;
use domain::permissions::Permissions;
use domain::platform_room::MadeRoom;
use domain::{Identity, PlatformRoomKey, RoomId, RoomName};
use secrecy::SecretString;

use crate::{JoinError, PlatformError};

/// Validity of a join token if the request sets none.
pub const DEFAULT_TOKEN_TTL: TimeDelta = TimeDelta::hours(2);

/// Shortest validity of a join token, long enough for a slow page to use it.
pub const MIN_TOKEN_TTL: TimeDelta = TimeDelta::minutes(5);

/// Longest validity of a join token. Its holder can reopen the room for that long.
pub const MAX_TOKEN_TTL: TimeDelta = TimeDelta::hours(24);

/// Longest identity and display name in bytes: LiveKit's default limit, the smallest of the platforms.
const MAX_TEXT: usize = 256;

/// Who wants to join a room.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    pub room: RoomName,
    /// Generated if `None`. Joining with an identity already in use disconnects the earlier participant.
    pub identity: Option<Identity>,
    pub display_name: String,
    pub role: Role,
    pub permissions: Permissions,
    /// Between [`MIN_TOKEN_TTL`] and [`MAX_TOKEN_TTL`]; [`DEFAULT_TOKEN_TTL`] if `None`.
    pub ttl: Option<TimeDelta>,
}

/// The room that somebody wants to join, as far as the platform must know about it.
#[derive(Clone, Debug)]
pub struct RoomToJoin {
    pub id: RoomId,
    /// The platform room that was made for the room's meeting, if there is one that has not ended.
    pub current: Option<MadeRoom>,
    /// How many platform rooms were made for this room before. Together with `id` it gives the next one a name that is the
    /// same whoever makes it, so that it is made once.
    pub made_before: i64,
}

/// What somebody needs to join.
#[derive(Clone)]
pub struct Admission {
    /// Address for the client. A secret if it admits whoever opens it, as a host's does on some platforms.
    pub url: SecretString,
    /// `None` on platforms whose address is all that is needed.
    pub token: Option<SecretString>,
    pub identity: Identity,
    /// Until when one can join with this.
    pub expires_at: DateTime<Utc>,
    /// The platform room, if it was made for this request. The caller stores it; if another one was stored meanwhile, it
    /// removes this one ([`Platform::delete_room`](crate::Platform::delete_room)) and asks again.
    pub made: Option<MadeRoom>,
}

/// A platform room that was made for a room, perhaps by a process that died before it stored that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftoverRoom {
    pub key: PlatformRoomKey,
    /// The room of ours that its name tells. Rooms of others on the same account tell none of ours.
    pub room_id: RoomId,
    /// `None` if the platform does not tell.
    pub created_at: Option<DateTime<Utc>>,
}

/// Why somebody is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    #[error(transparent)]
    Invalid(#[from] JoinError),
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

impl JoinRequest {
    /// Checks what all platforms require, and returns how long the admission is to be valid.
    ///
    /// # Errors
    /// A value that a platform would reject, or cut off.
    pub fn check(&self) -> Result<TimeDelta, JoinError> {
        let ttl = self.ttl.unwrap_or(DEFAULT_TOKEN_TTL);
        if !(MIN_TOKEN_TTL..=MAX_TOKEN_TTL).contains(&ttl) {
            return Err(JoinError::InvalidTtl);
        }
        if !is_plain(&self.display_name) {
            return Err(JoinError::InvalidDisplayName);
        }
        let is_valid = |identity: &Identity| !identity.as_str().is_empty() && is_plain(identity.as_str());
        match self.identity.as_ref().is_none_or(is_valid) {
            true => Ok(ttl),
            false => Err(JoinError::InvalidIdentity),
        }
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("identity", &self.identity)
            .field("expires_at", &self.expires_at)
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

/// Returns a new identity. It is never derived from the display name, because it appears in object keys and logs.
pub fn new_identity(ids: &IdSource) -> Identity {
    Identity(format!("p-{}", ids().simple()))
}

fn is_plain(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> JoinRequest {
        JoinRequest {
            room: RoomName::parse("standup").unwrap(),
            identity: None,
            display_name: "Zoë 寿".to_owned(),
            role: Role::Participant,
            permissions: Permissions::of(Role::Participant),
            ttl: None,
        }
    }

    #[test]
    fn a_validity_out_of_bounds_is_rejected() {
        let with = |seconds| {
            let ttl = Some(TimeDelta::seconds(seconds));
            JoinRequest { ttl, ..request() }.check()
        };

        assert_eq!(request().check(), Ok(DEFAULT_TOKEN_TTL));
        assert!(with(300).is_ok() && with(86_400).is_ok());
        for seconds in [299, 86_401, 0, -1, i64::from(i32::MAX)] {
            assert_eq!(with(seconds), Err(JoinError::InvalidTtl), "{seconds}");
        }
    }

    #[test]
    fn identities_and_names_that_platforms_reject_are_refused() {
        let long = "x".repeat(257);
        for identity in ["", "a\nb", "a\0", &long, &"é".repeat(129)] {
            let identity = Some(identity.into());
            let refused = JoinRequest { identity, ..request() }.check();
            assert_eq!(refused, Err(JoinError::InvalidIdentity));
        }
        let request = JoinRequest {
            display_name: long,
            ..request()
        };
        assert_eq!(request.check(), Err(JoinError::InvalidDisplayName));
    }
}
