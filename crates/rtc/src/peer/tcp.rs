//! Which of the server's TCP ports we have connected to. The server closes the stream at each ICE restart and wants a
//! new one, so a stream belongs to an address *and* an ICE session.

use std::{collections::HashMap, net::SocketAddr};

use str0m::Candidate;

/// A server names one port for each of its addresses; one that names more is not obeyed.
const MAX_STREAMS: usize = 16;

#[derive(Debug, Default)]
pub(super) struct TcpCandidates {
    ufrag: String,
    offered: HashMap<SocketAddr, Candidate>,
}

impl TcpCandidates {
    /// Gives the address if it is to be dialled: once in each ICE session.
    pub fn offered(&mut self, ufrag: &str, candidate: &Candidate) -> Option<SocketAddr> {
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

    /// The candidate to check over the new stream.
    pub fn connected(&self, remote: SocketAddr) -> Option<Candidate> {
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
    fn an_address_is_dialled_once_in_each_ice_session() {
        let mut peers = TcpCandidates::default();

        let dials = [("a", 7881), ("a", 7881), ("b", 7881)]
            .map(|(ufrag, port)| peers.offered(ufrag, &candidate(port)).is_some());

        assert_eq!(dials, [true, false, true]);
    }

    #[test]
    fn a_server_cannot_make_us_dial_without_end() {
        let mut peers = TcpCandidates::default();

        let dialled = (1..1000)
            .filter(|port| peers.offered("a", &candidate(*port)).is_some())
            .count();

        assert_eq!(dialled, MAX_STREAMS);
    }
}
