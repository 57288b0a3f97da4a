//! What to do when the server says `leave`.

use livekit_protocol::{DisconnectReason, LeaveRequest, leave_request::Action};

use crate::error::LeaveReason;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// The session is over.
    End(LeaveReason),
    /// Keep the media connection, open a new WebSocket at once.
    Resume,
    /// A new session with a new media connection.
    Restart { cause: String },
}

pub(crate) fn reaction(leave: &LeaveRequest) -> Reaction {
    match leave.action() {
        Action::Resume => Reaction::Resume,
        Action::Reconnect => restart(leave),
        Action::Disconnect if leave.can_reconnect => restart(leave),
        Action::Disconnect => disconnect(leave),
    }
}

fn disconnect(leave: &LeaveRequest) -> Reaction {
    match leave.reason() {
        DisconnectReason::DuplicateIdentity => Reaction::End(LeaveReason::DuplicateIdentity),
        DisconnectReason::ParticipantRemoved => Reaction::End(LeaveReason::Removed),
        DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed => Reaction::End(LeaveReason::RoomClosed),
        DisconnectReason::ClientInitiated => Reaction::End(LeaveReason::ClientInitiated),
        // The others tell of trouble at the server, which passes.
        _ => restart(leave),
    }
}

fn restart(leave: &LeaveRequest) -> Reaction {
    Reaction::Restart {
        cause: leave.reason().as_str_name().to_lowercase().replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leave(action: Action, reason: DisconnectReason) -> LeaveRequest {
        LeaveRequest {
            action: action as i32,
            reason: reason as i32,
            ..Default::default()
        }
    }

    #[test]
    fn what_someone_decided_is_final() {
        for (reason, expected) in [
            (DisconnectReason::DuplicateIdentity, LeaveReason::DuplicateIdentity),
            (DisconnectReason::ParticipantRemoved, LeaveReason::Removed),
            (DisconnectReason::RoomDeleted, LeaveReason::RoomClosed),
            (DisconnectReason::RoomClosed, LeaveReason::RoomClosed),
        ] {
            assert_eq!(reaction(&leave(Action::Disconnect, reason)), Reaction::End(expected));
        }
    }

    #[test]
    fn trouble_at_the_server_is_followed_by_a_new_session() {
        for reason in [
            DisconnectReason::ServerShutdown,
            DisconnectReason::SignalClose,
            DisconnectReason::ConnectionTimeout,
            DisconnectReason::MediaFailure,
            DisconnectReason::UnknownReason,
            DisconnectReason::JoinFailure,
        ] {
            assert!(matches!(
                reaction(&leave(Action::Disconnect, reason)),
                Reaction::Restart { .. }
            ));
        }
    }

    #[test]
    fn the_action_is_obeyed_before_the_reason() {
        assert_eq!(
            reaction(&leave(Action::Resume, DisconnectReason::RoomClosed)),
            Reaction::Resume
        );
        assert!(matches!(
            reaction(&leave(Action::Reconnect, DisconnectReason::StateMismatch)),
            Reaction::Restart { cause } if cause == "state mismatch"
        ));
    }

    #[test]
    fn numbers_that_we_do_not_know_lead_to_a_new_session() {
        let leave = LeaveRequest {
            action: 99,
            reason: -1,
            ..Default::default()
        };

        assert!(matches!(reaction(&leave), Reaction::Restart { .. }));
    }
}
