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
}

impl Fault {
    /// `None`: the fault is made on our side.
    pub(crate) fn scenario(self) -> Option<SimulateScenario> {
        let scenario = match self {
            Self::ServerLeave => Scenario::ServerLeave(true),
            Self::SwitchToTcp => Scenario::SwitchCandidateProtocol(CandidateProtocol::Tcp as i32),
            Self::DropSignal | Self::FailMedia => return None,
        };
        Some(SimulateScenario {
            scenario: Some(scenario),
        })
    }
}
