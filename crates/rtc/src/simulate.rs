//! Faults that a LiveKit server makes on request, for tests. Any server obeys any participant here.

use livekit_protocol::{CandidateProtocol, SimulateScenario, simulate_scenario::Scenario};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server says that it shuts down; a full reconnect is to follow.
    ServerLeave,
    /// All candidates but TCP are taken away, with an ICE restart.
    SwitchToTcp,
    /// Our WebSocket is cut by ourselves, without a word to the server.
    DropSignal,
    /// The media connection is thrown away, as after a fatal DTLS error.
    FailMedia,
    /// Of the media that comes in, one datagram in so many is lost; 1 is all of it, 0 none.
    LoseMedia { one_in: u32 },
}

/// Loses what comes in, as `LoseMedia` says.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    pub one_in: u32,
    seen: u32,
}

impl Loss {
    /// STUN and DTLS are spared, so that the connection itself stays (RFC 7983 tells them apart).
    pub fn takes(&mut self, datagram: &[u8]) -> bool {
        let is_media = datagram.first().is_some_and(|first| (128..192).contains(first));
        if self.one_in == 0 || !is_media {
            return false;
        }
        self.seen = self.seen.wrapping_add(1);
        self.seen.is_multiple_of(self.one_in)
    }
}

impl Fault {
    /// `None`: the fault is made on our side.
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
