//! The token of somebody who may join a room. It outlives the platform's join token: its holder gets new ones while the
//! meeting lasts, and a host controls the meeting with it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Identity, MeetingId, RoomId, participant::Role, permissions::Permissions};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Signer, TokenKind};

/// Validity: the longest of a join token. A new one comes with each refresh.
const TTL: TimeDelta = TimeDelta::hours(24);

/// How much earlier than the token a meeting may have begun that was not known yet when the token was issued: clocks differ,
/// and webhooks are late.
const START_TOLERANCE: TimeDelta = TimeDelta::seconds(60);

/// Who somebody is, and in which meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantClaims {
    pub room: RoomId,
    /// The meeting that was open when the token was issued.
    pub meeting: Option<MeetingId>,
    pub identity: Identity,
    pub display_name: String,
    pub role: Role,
    pub permissions: Permissions,
    /// Seconds since 1970.
    pub issued_at: i64,
}

impl ParticipantClaims {
    /// Returns the signed token; `None` if the server has no secret.
    pub fn sign(&self, signer: &Signer) -> Option<SecretString> {
        signer.sign(TokenKind::Participant, self)
    }

    /// Returns the claims of a token that is valid now.
    pub fn verify(signer: &Signer, token: &str, now: DateTime<Utc>) -> Option<Self> {
        let claims: Self = signer.verify(TokenKind::Participant, token)?;
        let issued_at = DateTime::from_timestamp(claims.issued_at, 0)?;
        (now - issued_at < TTL).then_some(claims)
    }

    /// Whether the token was issued for this open meeting: either it names it, or there was none yet and this one began
    /// afterwards.
    pub fn is_for(&self, room: RoomId, meeting: MeetingId, started_at: DateTime<Utc>) -> bool {
        let began_later = || (started_at + START_TOLERANCE).timestamp() >= self.issued_at;
        self.room == room && self.meeting.map_or_else(began_later, |known| known == meeting)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn claims(meeting: Option<MeetingId>) -> ParticipantClaims {
        ParticipantClaims {
            room: RoomId(id(1)),
            meeting,
            identity: "ada".into(),
            display_name: "x".repeat(256),
            role: Role::Host,
            permissions: Permissions::of(Role::Host),
            issued_at: 1_800_000_000,
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_token_is_valid_for_a_day() {
        let signer = Signer::new(vec!["secret".into()]);
        let token = claims(None).sign(&signer).unwrap();
        let verify = |now| ParticipantClaims::verify(&signer, token.expose_secret(), now);

        assert_eq!(verify(at(86_399)), Some(claims(None)));
        assert_eq!(verify(at(86_400)), None);
    }

    #[test]
    fn a_token_is_for_one_meeting() {
        let (room, meeting) = (RoomId(id(1)), MeetingId(id(2)));
        let (known, first) = (claims(Some(meeting)), claims(None));

        assert!(known.is_for(room, meeting, at(-9000)) && first.is_for(room, meeting, at(-60)));
        assert!(!known.is_for(room, MeetingId(id(3)), at(10)));
        assert!(!first.is_for(room, meeting, at(-61)));
        assert!(!first.is_for(RoomId(id(9)), meeting, at(10)));
    }
}
