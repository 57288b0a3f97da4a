//! Faults that tests can cause. A LiveKit server simulates some of them for any participant that asks.

use livekit_protocol::{CandidateProtocol, SimulateScenario, simulate_scenario::Scenario};

/// A fault of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server sends `leave`, after which the room may be joined again.
    ServerLeave,
    /// The server restarts ICE and offers TCP candidates only.
    SwitchToTcp,
    /// The client drops its WebSocket without informing the server.
    DropSignal,
    /// The client discards the media connection, as after a fatal DTLS error.
    FailMedia,
    /// The client loses incoming media.
    LoseMedia {
        /// One datagram in this many is lost: 1 loses all of them, 0 none.
        one_in: u32,
    },
}

/// Drops incoming datagrams as [`Fault::LoseMedia`] says.
#[derive(Debug, Default)]
pub(crate) struct PacketLoss {
    one_in: u32,
    seen: u32,
}

impl PacketLoss {
    pub fn new(one_in: u32) -> Self {
        Self { one_in, seen: 0 }
    }

    /// Returns whether this datagram is lost. STUN and DTLS never are (RFC 7983 tells them apart), so that the
    /// connection itself survives.
    pub fn drops(&mut self, datagram: &[u8]) -> bool {
        let is_media = datagram.first().is_some_and(|first| (128..192).contains(first));
        if self.one_in == 0 || !is_media {
            return false;
        }
        self.seen = self.seen.wrapping_add(1);
        self.seen.is_multiple_of(self.one_in)
    }
}

impl Fault {
    /// Returns what to ask of the server, or `None` for faults on the client's side.
    pub(crate) fn scenario(self) -> Option<SimulateScenario> {
        let scenario = match self {
            Self::ServerLeave => Scenario::ServerLeave(true),
            Self::SwitchToTcp => Scenario::SwitchCandidateProtocol(CandidateProtocol::Tcp as i32),
            Self::DropSignal | Self::FailMedia | Self::LoseMedia { .. } => return None,
        };
        Some(SimulateScenario {
            scenario: Some(scenario),
        })
    }
}
