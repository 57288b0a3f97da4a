//! Candidates as LiveKit sends them.

use serde::Deserialize;
use str0m::{
    Candidate,
    net::{Protocol, TcpType},
};

/// A candidate and the ICE session that it belongs to.
#[derive(Debug, Clone)]
pub(super) struct TrickledCandidate {
    pub candidate: Candidate,
    /// `None`: the server did not say.
    ufrag: Option<String>,
}

/// `RTCIceCandidateInit` of the browsers; the other fields do not matter with bundled media.
#[derive(Deserialize)]
struct CandidateInit {
    candidate: String,
}

impl TrickledCandidate {
    /// `None` for what is no candidate, has a `.local` name, or is for RTCP alone.
    pub fn parse(candidate_init: &str) -> Option<Self> {
        let init: CandidateInit = serde_json::from_str(candidate_init).ok()?;
        let candidate = Candidate::from_sdp_string(&init.candidate).ok()?;
        let ufrag = candidate.ufrag().map(str::to_owned);
        Some(Self { candidate, ufrag })
    }

    /// A line of an offer, which belongs to that offer.
    pub fn from_sdp(line: &str, ufrag: &str) -> Option<Self> {
        let candidate = Candidate::from_sdp_string(line).ok()?;
        Some(Self {
            candidate,
            ufrag: Some(ufrag.to_owned()),
        })
    }

    pub fn fits(&self, ufrag: &str) -> bool {
        self.ufrag.as_deref().is_none_or(|own| own == ufrag)
    }

    /// One that we are to connect to.
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
    fn candidates_of_both_kinds_are_read_with_their_ice_session() {
        let (udp, tcp) = (
            TrickledCandidate::parse(UDP).unwrap(),
            TrickledCandidate::parse(TCP).unwrap(),
        );

        assert_eq!(udp.candidate.addr(), "10.0.0.5:45580".parse().unwrap());
        assert!(!udp.is_passive_tcp() && tcp.is_passive_tcp());
        assert!(tcp.fits("NTTI") && !tcp.fits("other"));
    }

    #[test]
    fn what_is_no_candidate_is_nothing() {
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
