//! People and machines in a meeting: a participant is an identity, a connection is one time that it was there.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::text_enum::text_enum;
use crate::{ConnectionId, Identity, MeetingId, ParticipantId, ParticipantSid};

text_enum! {
    /// What takes part.
    ParticipantKind {
        /// Someone with an ordinary client.
        Standard = "standard",
        /// Someone on the telephone.
        Sip = "sip",
        /// A stream that someone sends in from outside.
        Ingress = "ingress",
        /// A recorder, ours or another's.
        Egress = "egress",
        /// A program that takes part.
        Agent = "agent",
        /// A kind that this version does not know.
        Other = "other",
    }
}

text_enum! {
    /// What someone may do in a room that they join.
    Role {
        /// As a participant; control over others goes through our API.
        Host = "host",
        /// May publish camera, microphone and screen, hear and see everyone, send data.
        Participant = "participant",
        /// May hear and see.
        Listener = "listener",
    }
}

impl ParticipantKind {
    /// Whether someone speaks through it: such a one opens a meeting and is recorded.
    pub fn is_person(self) -> bool {
        matches!(self, Self::Standard | Self::Sip | Self::Ingress)
    }
}

/// An identity in a meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    pub id: ParticipantId,
    pub meeting_id: MeetingId,
    pub identity: Identity,
    /// Empty until the platform has said it.
    pub display_name: String,
    /// `None` until the platform has said it: track events carry only the identity.
    pub kind: Option<ParticipantKind>,
}

/// One time that a participant was connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub id: ConnectionId,
    pub meeting_id: MeetingId,
    pub participant_id: ParticipantId,
    pub sid: ParticipantSid,
    pub joined_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
}

/// A participant as the platform describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantSeen {
    pub sid: ParticipantSid,
    pub identity: Identity,
    pub display_name: String,
    pub kind: ParticipantKind,
    /// `None` where the platform does not say.
    pub joined_at: Option<DateTime<Utc>>,
}
