//! What a new WebSocket is for.

use std::time::Duration;

use crate::ids::ParticipantSid;

/// For a join the server tries up to three times, for 3 + 4 + 5 s, before it upgrades the connection.
const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
/// For a resume the server tries only once.
const RESUME_TIMEOUT: Duration = Duration::from_secs(7);

/// Whether to join or to resume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConnectAttempt {
    /// Joins as a new participant.
    Join,
    /// Continues as the participant with this sid.
    Resume { participant_sid: ParticipantSid },
}

impl ConnectAttempt {
    /// Returns how long the WebSocket may take to open.
    pub fn dial_timeout(&self) -> Duration {
        match self {
            Self::Join => JOIN_TIMEOUT,
            Self::Resume { .. } => RESUME_TIMEOUT,
        }
    }
}
