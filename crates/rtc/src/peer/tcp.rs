//! Which of the server's TCP candidates we have connected to.
//!
//! The server closes the stream at each ICE restart and expects a new one, so a stream belongs to an address *and* an ICE
//! session.

use std::{collections::HashMap, net::SocketAddr};

use str0m::Candidate;

/// A server offers one port on each of its addresses. Further candidates are ignored.
const MAX_STREAMS: usize = 16;

#[derive(Debug, Default)]
pub(super) struct TcpCandidates {
    ufrag: String,
    offered: HashMap<SocketAddr, Candidate>,
}

impl TcpCandidates {
    /// Notes a candidate. Returns its address if we must connect to it, which is once per ICE session.
    pub fn add(&mut self, ufrag: &str, candidate: &Candidate) -> Option<SocketAddr> {
        if self.ufrag != ufrag {
            ufrag.clone_into(&mut self.ufrag);
            self.offered.clear();
        }
        let address = candidate.addr();
        if self.offered.len() >= MAX_STREAMS || self.offered.contains_key(&address) {
            return None;
        }
        self.offered.insert(address, candidate.clone());
        Some(address)
    }

    /// Returns the candidate to check over a new stream to `remote`.
    pub fn candidate(&self, remote: SocketAddr) -> Option<Candidate> {
        self.offered.get(&remote).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(port: usize) -> Candidate {
        Candidate::from_sdp_string(&format!(
            "candidate:1 1 tcp 1671430143 10.0.0.5 {port} typ host tcptype passive"
        ))
        .unwrap()
    }

    #[test]
    fn an_address_is_dialled_once_per_ice_session() {
        let mut candidates = TcpCandidates::default();

        let dials = [("a", 7881), ("a", 7881), ("b", 7881)]
            .map(|(ufrag, port)| candidates.add(ufrag, &candidate(port)).is_some());

        assert_eq!(dials, [true, false, true]);
    }

    #[test]
    fn the_number_of_dialled_addresses_is_limited() {
        let mut candidates = TcpCandidates::default();

        let dialled = (1..1000)
            .filter(|port| candidates.add("a", &candidate(*port)).is_some())
            .count();

        assert_eq!(dialled, MAX_STREAMS);
    }
}
