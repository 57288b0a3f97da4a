//! What to do when the server sends `leave`.

use livekit_protocol::{DisconnectReason, LeaveRequest, leave_request::Action};

use crate::error::LeaveReason;

/// How to react to `leave`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Do not connect again.
    End(LeaveReason),
    /// Keep the media connection and resume on a new WebSocket.
    Resume,
    /// The connection is of no more use; the room may be joined again.
    Rejoin { cause: String },
}

/// Returns how to react: the server's action decides, and for `disconnect` its reason.
pub(crate) fn reaction(leave: &LeaveRequest) -> Reaction {
    match leave.action() {
        Action::Resume => Reaction::Resume,
        Action::Reconnect => rejoin(leave),
        Action::Disconnect if leave.can_reconnect => rejoin(leave),
        Action::Disconnect => disconnect(leave),
    }
}

fn disconnect(leave: &LeaveRequest) -> Reaction {
    match leave.reason() {
        DisconnectReason::DuplicateIdentity => Reaction::End(LeaveReason::DuplicateIdentity),
        DisconnectReason::ParticipantRemoved => Reaction::End(LeaveReason::Removed),
        DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed => Reaction::End(LeaveReason::RoomClosed),
        DisconnectReason::ClientInitiated => Reaction::End(LeaveReason::ClientInitiated),
        // The other reasons are transient failures of the server.
        _ => rejoin(leave),
    }
}

fn rejoin(leave: &LeaveRequest) -> Reaction {
    Reaction::Rejoin {
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
    fn a_deliberate_disconnect_is_final() {
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
    fn a_failure_of_the_server_allows_to_join_again() {
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
                Reaction::Rejoin { .. }
            ));
        }
    }

    #[test]
    fn the_action_takes_precedence_over_the_reason() {
        assert_eq!(
            reaction(&leave(Action::Resume, DisconnectReason::RoomClosed)),
            Reaction::Resume
        );
        assert!(matches!(
            reaction(&leave(Action::Reconnect, DisconnectReason::StateMismatch)),
            Reaction::Rejoin { cause } if cause == "state mismatch"
        ));
    }

    #[test]
    fn unknown_values_allow_to_join_again() {
        let leave = LeaveRequest {
            action: 99,
            reason: -1,
            ..Default::default()
        };

        assert!(matches!(reaction(&leave), Reaction::Rejoin { .. }));
    }
}
