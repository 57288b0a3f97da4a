//! ICE candidates as LiveKit sends them.

use serde::Deserialize;
use str0m::{
    Candidate,
    net::{Protocol, TcpType},
};

/// A candidate and the ICE session that it belongs to.
#[derive(Debug, Clone)]
pub(super) struct TrickledCandidate {
    pub candidate: Candidate,
    /// Identifies the ICE session; `None` if the server did not name one.
    ufrag: Option<String>,
}

/// `RTCIceCandidateInit` of the WebRTC API. The other fields do not matter, as all media is bundled.
#[derive(Deserialize)]
struct CandidateInit {
    candidate: String,
}

impl TrickledCandidate {
    /// Parses the JSON text of a trickle message. Returns `None` if it is invalid, has a `.local` name, or is for RTCP only.
    pub fn parse(candidate_init: &str) -> Option<Self> {
        let init: CandidateInit = serde_json::from_str(candidate_init).ok()?;
        let candidate = Candidate::from_sdp_string(&init.candidate).ok()?;
        let ufrag = candidate.ufrag().map(str::to_owned);
        Some(Self { candidate, ufrag })
    }

    /// Parses a candidate line of an offer with this ufrag.
    pub fn from_sdp(line: &str, ufrag: &str) -> Option<Self> {
        let candidate = Candidate::from_sdp_string(line).ok()?;
        Some(Self {
            candidate,
            ufrag: Some(ufrag.to_owned()),
        })
    }

    /// Returns whether the candidate belongs to the ICE session with this ufrag.
    pub fn matches(&self, ufrag: &str) -> bool {
        self.ufrag.as_deref().is_none_or(|own| own == ufrag)
    }

    /// Returns whether the server waits for us to connect to this candidate.
    pub fn is_passive_tcp(&self) -> bool {
        self.candidate.proto() == Protocol::Tcp && self.candidate.tcptype() == Some(TcpType::Passive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UDP: &str = r#"{"candidate":"candidate:2878742611 1 udp 2130706431 10.0.0.5 45580 typ host ufrag NTTI","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":null}"#;
    const TCP: &str = r#"{"candidate":"candidate:375738803 1 tcp 1671430143 10.0.0.5 7881 typ host tcptype passive ufrag NTTI","sdpMid":"0"}"#;

    #[test]
    fn udp_and_tcp_candidates_are_parsed_with_their_ice_session() {
        let (udp, tcp) = (
            TrickledCandidate::parse(UDP).unwrap(),
            TrickledCandidate::parse(TCP).unwrap(),
        );

        assert_eq!(udp.candidate.addr(), "10.0.0.5:45580".parse().unwrap());
        assert!(!udp.is_passive_tcp() && tcp.is_passive_tcp());
        assert!(tcp.matches("NTTI") && !tcp.matches("other"));
    }

    #[test]
    fn invalid_candidates_are_ignored() {
        for text in [
            "",
            "{}",
            "null",
            "[1]",
            r#"{"candidate":""}"#,
            r#"{"candidate":7}"#,
            r#"{"candidate":"candidate:1 1 udp 1 4a2f.local 9 typ host"}"#,
            r#"{"candidate":"candidate:1 1 udp 99999999999999999999 10.0.0.5 999999 typ host"}"#,
            "{\"candidate\":\"candidate:\u{0}\"}",
        ] {
            assert!(TrickledCandidate::parse(text).is_none(), "{text}");
        }
    }
}
