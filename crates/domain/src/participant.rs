//! Participants of a meeting: a participant is an identity, a connection is one stay of theirs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::text_enum::text_enum;
use crate::{ConnectionId, Identity, MeetingId, ParticipantId, ParticipantSid};

text_enum! {
    /// The kind of a participant, as the platform reports it.
    ParticipantKind {
        /// A person with an ordinary client.
        Standard = "standard",
        /// A person on the telephone.
        Sip = "sip",
        /// A stream sent in from outside.
        Ingress = "ingress",
        /// A recorder, ours or another.
        Recorder = "recorder" | "egress",
        /// A program that takes part.
        Agent = "agent",
        /// A kind that this version does not know.
        Other = "other",
    }
}

text_enum! {
    /// What somebody is in a room. [`Permissions`](crate::permissions::Permissions) says what they may do.
    Role {
        /// A participant who may control others, through our API.
        Host = "host",
        /// Speaks and is heard.
        Participant = "participant",
        /// Watches and listens.
        Listener = "listener",
    }
}

impl ParticipantKind {
    /// Whether a person speaks through it. Only such participants open a meeting and are recorded.
    pub fn is_person(self) -> bool {
        matches!(self, Self::Standard | Self::Sip | Self::Ingress)
    }
}

/// An identity in a meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Our id.
    pub id: ParticipantId,
    /// The meeting.
    pub meeting_id: MeetingId,
    /// Stable across connections.
    pub identity: Identity,
    /// Empty until the platform reports it.
    pub display_name: String,
    /// `None` until the platform reports it: track events carry only the identity.
    pub kind: Option<ParticipantKind>,
}

/// One stay of a participant in a meeting, from joining to leaving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Our id.
    pub id: ConnectionId,
    /// The meeting.
    pub meeting_id: MeetingId,
    /// The participant.
    pub participant_id: ParticipantId,
    /// The platform's id of the connection.
    pub sid: ParticipantSid,
    /// When it began.
    pub joined_at: DateTime<Utc>,
    /// When it ended; `None` while it lasts.
    pub left_at: Option<DateTime<Utc>>,
}

/// A participant and their connection as the platform describes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedParticipant {
    /// The platform's id of the connection.
    pub sid: ParticipantSid,
    /// Stable across connections.
    pub identity: Identity,
    /// Empty if the participant has none.
    pub display_name: String,
    /// The kind of participant.
    pub kind: ParticipantKind,
    /// `None` if the platform does not report it.
    pub joined_at: Option<DateTime<Utc>>,
}
