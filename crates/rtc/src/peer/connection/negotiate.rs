//! Negotiation before media flows: session descriptions, candidates, TCP streams.

use std::{net::SocketAddr, time::Instant};

use str0m::{
    Candidate,
    change::SdpOffer,
    net::{Protocol, TcpType},
};

use super::{PeerConnection, PeerError, PeerOutput};
use crate::{peer::candidate::TrickledCandidate, sdp};

/// How many candidates may wait for the offer that they belong to.
const MAX_EARLY_CANDIDATES: usize = 64;

impl PeerConnection {
    /// Accepts the server's offer and returns the answer. `offer` is the result of scanning `sdp`.
    pub fn accept_offer(&mut self, now: Instant, sdp: &str, offer: &sdp::Offer<'_>) -> Result<String, PeerError> {
        self.check_fingerprint(offer.fingerprint)?;
        let parsed = SdpOffer::from_sdp_string(&sdp::rewrite_directions(sdp))
            .map_err(|error| PeerError::BadDescription(error.to_string()))?;
        let answer = self
            .rtc
            .sdp_api()
            .accept_offer(parsed)
            .map_err(|error| PeerError::BadDescription(error.to_string()))?
            .to_sdp_string();
        self.drain_output(now);
        self.handle_remote_description(now, offer);
        Ok(answer)
    }

    /// Adds a candidate of the server, given as the JSON text of a trickle message. Ignores invalid ones.
    pub fn add_candidate(&mut self, now: Instant, candidate_init: &str) {
        let Some(trickled) = TrickledCandidate::parse(candidate_init) else {
            tracing::debug!(candidate_init, "ignoring an unusable candidate");
            return;
        };
        if self.is_early(&trickled) {
            if self.early_candidates.len() < MAX_EARLY_CANDIDATES {
                self.early_candidates.push_back(trickled);
            }
            return;
        }
        self.apply_candidate(now, trickled);
    }

    /// A TCP stream to the server is connected.
    pub fn handle_tcp_up(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) {
        let candidate = Candidate::builder().tcp().host(local).tcptype(TcpType::Active).build();
        if let Ok(candidate) = candidate {
            self.rtc.add_local_candidate(candidate);
            self.drain_output(now);
        }
        if let Some(candidate) = self.tcp.candidate(remote) {
            self.rtc.add_remote_candidate(candidate);
        }
        self.run_timers(now);
    }

    /// The TCP stream from this local address is closed.
    pub fn handle_tcp_down(&mut self, now: Instant, local: SocketAddr) {
        if let Ok(candidate) = Candidate::builder().tcp().host(local).tcptype(TcpType::Active).build() {
            self.rtc.direct_api().invalidate_candidate(&candidate);
        }
        self.run_timers(now);
    }

    /// Fails if the fingerprint changed: str0m keeps using the first one, and the connection would fail without an error.
    fn check_fingerprint(&mut self, fingerprint: &str) -> Result<(), PeerError> {
        if self.fingerprint.is_empty() {
            fingerprint.clone_into(&mut self.fingerprint);
        }
        if self.fingerprint == fingerprint {
            Ok(())
        } else {
            Err(PeerError::CertificateChanged)
        }
    }

    /// A description of the server was accepted: adds its candidates, and those that waited for it.
    pub(super) fn handle_remote_description(&mut self, now: Instant, remote: &sdp::Offer<'_>) {
        remote.ice_ufrag.clone_into(&mut self.remote_ufrag);
        for candidate in remote
            .candidates
            .iter()
            .filter_map(|line| TrickledCandidate::from_sdp(line, remote.ice_ufrag))
        {
            // str0m has read the others itself.
            if candidate.is_passive_tcp() {
                self.apply_candidate(now, candidate);
            }
        }
        for candidate in std::mem::take(&mut self.early_candidates) {
            if candidate.matches(remote.ice_ufrag) {
                self.apply_candidate(now, candidate);
            }
        }
        self.run_timers(now);
    }

    /// Returns whether the candidate arrived before its offer, the first or that of an ICE restart.
    fn is_early(&self, candidate: &TrickledCandidate) -> bool {
        self.remote_ufrag.is_empty() || !candidate.matches(&self.remote_ufrag)
    }

    fn apply_candidate(&mut self, now: Instant, trickled: TrickledCandidate) {
        if trickled.is_passive_tcp() {
            if let Some(address) = self.tcp.add(&self.remote_ufrag, &trickled.candidate) {
                self.outputs.push_back(PeerOutput::DialTcp(address));
            }
            return;
        }
        if trickled.candidate.proto() == Protocol::Udp {
            self.rtc.add_remote_candidate(trickled.candidate);
            self.run_timers(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{Codec, PeerError};

    fn offer() -> String {
        let now = Instant::now();
        PeerConnection::publisher(now, &["10.0.0.1:1000".parse().unwrap()])
            .offer_track(now, "TR_1", Codec::Opus)
            .unwrap()
            .1
    }

    fn accept(peer: &mut PeerConnection, offer: &str) -> Result<String, PeerError> {
        peer.accept_offer(Instant::now(), offer, &sdp::scan(offer))
    }

    fn subscriber() -> PeerConnection {
        PeerConnection::subscriber(Instant::now(), &["10.0.0.2:2000".parse().unwrap()])
    }

    #[test]
    fn an_answer_receives_only_and_carries_our_candidates() {
        let answer = accept(&mut subscriber(), &offer()).unwrap();

        assert!(answer.contains("a=recvonly") && answer.contains("10.0.0.2 2000") && !answer.contains(" red/"));
    }

    #[test]
    fn an_incomplete_offer_is_answered_or_an_error() {
        let offer = offer();
        let lines: Vec<_> = offer.lines().collect();

        for left_out in 0..lines.len() {
            let mut damaged = lines.clone();
            damaged.remove(left_out);
            let _either_way = accept(&mut subscriber(), &(damaged.join("\r\n") + "\r\n"));
        }

        assert!(accept(&mut subscriber(), "").is_err() && accept(&mut subscriber(), "v=0\r\n").is_err());
    }

    #[test]
    fn a_changed_certificate_is_an_error() {
        let mut peer = subscriber();
        accept(&mut peer, &offer()).unwrap();

        assert!(matches!(
            accept(&mut peer, &offer()),
            Err(PeerError::CertificateChanged)
        ));
    }

    #[test]
    fn a_limited_number_of_candidates_waits_for_the_offer() {
        let mut peer = subscriber();
        let candidate =
            |port: usize| format!(r#"{{"candidate":"candidate:1 1 udp 1 10.0.0.5 {port} typ host ufrag other"}}"#);

        for port in 1..1000 {
            peer.add_candidate(Instant::now(), &candidate(port));
        }
        let waiting = peer.early_candidates.len();
        accept(&mut peer, &offer()).unwrap();

        assert_eq!((waiting, peer.early_candidates.len()), (MAX_EARLY_CANDIDATES, 0));
    }
}
