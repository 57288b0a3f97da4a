//! What the two sides tell each other before media flows: descriptions, candidates, TCP streams.

use std::{net::SocketAddr, time::Instant};

use str0m::{
    Candidate,
    change::SdpOffer,
    net::{Protocol, TcpType},
};

use super::{PeerConnection, PeerError, PeerOutput};
use crate::{peer::candidate::TrickledCandidate, sdp};

/// Candidates that may wait for the offer which they belong to.
const MAX_EARLY_CANDIDATES: usize = 64;

impl PeerConnection {
    /// Takes the server's offer and gives the answer. `offer` is the scan of `sdp`.
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
        self.settle(now);
        self.describe_remote(now, offer);
        Ok(answer)
    }

    /// A candidate of the server, as the JSON text of a trickle message. What cannot be read is passed over.
    pub fn add_candidate(&mut self, now: Instant, candidate_init: &str) {
        let Some(trickled) = TrickledCandidate::parse(candidate_init) else {
            tracing::debug!(candidate_init, "unusable candidate");
            return;
        };
        if self.is_early(&trickled) {
            if self.early.len() < MAX_EARLY_CANDIDATES {
                self.early.push_back(trickled);
            }
            return;
        }
        self.apply_candidate(now, trickled);
    }

    pub fn handle_tcp_up(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) {
        let candidate = Candidate::builder().tcp().host(local).tcptype(TcpType::Active).build();
        if let Ok(candidate) = candidate {
            self.rtc.add_local_candidate(candidate);
            self.settle(now);
        }
        if let Some(candidate) = self.tcp.connected(remote) {
            self.rtc.add_remote_candidate(candidate);
        }
        self.kick(now);
    }

    pub fn handle_tcp_down(&mut self, now: Instant, local: SocketAddr) {
        if let Ok(candidate) = Candidate::builder().tcp().host(local).tcptype(TcpType::Active).build() {
            self.rtc.direct_api().invalidate_candidate(&candidate);
        }
        self.kick(now);
    }

    /// str0m goes by the first fingerprint it saw; another one would end in silence.
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

    /// A description of the server was accepted: what waited for it may go on.
    pub(super) fn describe_remote(&mut self, now: Instant, remote: &sdp::Offer<'_>) {
        remote.ice_ufrag.clone_into(&mut self.remote_ufrag);
        for candidate in remote
            .candidates
            .iter()
            .filter_map(|line| TrickledCandidate::from_sdp(line, remote.ice_ufrag))
        {
            // Others str0m has read itself.
            if candidate.is_passive_tcp() {
                self.apply_candidate(now, candidate);
            }
        }
        for candidate in std::mem::take(&mut self.early) {
            if candidate.fits(remote.ice_ufrag) {
                self.apply_candidate(now, candidate);
            }
        }
        self.kick(now);
    }

    /// It came before the offer, or belongs to an ICE restart whose offer is still on its way.
    fn is_early(&self, candidate: &TrickledCandidate) -> bool {
        self.remote_ufrag.is_empty() || !candidate.fits(&self.remote_ufrag)
    }

    fn apply_candidate(&mut self, now: Instant, trickled: TrickledCandidate) {
        if trickled.is_passive_tcp() {
            if let Some(address) = self.tcp.offered(&self.remote_ufrag, &trickled.candidate) {
                self.outputs.push_back(PeerOutput::DialTcp(address));
            }
            return;
        }
        if trickled.candidate.proto() == Protocol::Udp {
            self.rtc.add_remote_candidate(trickled.candidate);
            self.kick(now);
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
    fn an_offer_that_lacks_a_line_is_an_answer_or_an_error() {
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
    fn a_server_with_another_certificate_is_not_the_one_we_know() {
        let mut peer = subscriber();
        accept(&mut peer, &offer()).unwrap();

        assert!(matches!(
            accept(&mut peer, &offer()),
            Err(PeerError::CertificateChanged)
        ));
    }

    #[test]
    fn candidates_wait_for_their_offer_but_not_without_end() {
        let mut peer = subscriber();
        let candidate =
            |port: usize| format!(r#"{{"candidate":"candidate:1 1 udp 1 10.0.0.5 {port} typ host ufrag other"}}"#);

        for port in 1..1000 {
            peer.add_candidate(Instant::now(), &candidate(port));
        }
        let waiting = peer.early.len();
        accept(&mut peer, &offer()).unwrap();

        assert_eq!((waiting, peer.early.len()), (MAX_EARLY_CANDIDATES, 0));
    }
}
