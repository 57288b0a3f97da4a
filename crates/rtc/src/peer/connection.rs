//! The connection itself: wraps str0m and queues its output.

mod negotiate;
mod publish;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use str0m::{
    Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcError,
    change::SdpPendingOffer,
    net::{Protocol, Receive},
};
use thiserror::Error;

pub(crate) use self::publish::{Codec, OutgoingPacket, OutgoingTrack};
use super::{candidate::TrickledCandidate, tcp::TcpCandidates};
use crate::{
    ids::{SeqNo, Ssrc},
    packet::{RtpPacket, SenderReport},
};

/// Interval of receiver reports, from which the server derives the round-trip time and with it the spacing of NACKs.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// From a connectivity check to its repetition, which then doubles its wait. The first check often arrives before our
/// answer does, and is ignored; until one succeeds the server sends nothing.
const FIRST_CHECK_WAIT: Duration = Duration::from_millis(50);
/// With this wait between them, so many repetitions take as long as str0m's own.
const CHECK_REPETITIONS: usize = 11;
/// When to wake if str0m names no time.
const IDLE_WAKE: Duration = Duration::from_secs(1);

#[derive(Debug, Error)]
pub(crate) enum PeerError {
    #[error("cannot use the server's session description: {0}")]
    BadDescription(String),
    #[error("the server's certificate changed")]
    CertificateChanged,
    #[error("the WebRTC connection failed: {0}")]
    Broken(String),
}

/// The transport of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// A packet with its addresses. For incoming packets, `local` is the address of one of our candidates.
#[derive(Debug)]
pub(crate) struct Datagram<B> {
    pub transport: Transport,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub contents: B,
}

#[derive(Debug)]
pub(crate) enum PeerOutput {
    Transmit(Datagram<Vec<u8>>),
    /// Open a TCP connection and report it to `handle_tcp_up` and `handle_tcp_down`.
    DialTcp(SocketAddr),
    Event(PeerEvent),
}

#[derive(Debug)]
pub(crate) enum PeerEvent {
    /// ICE and DTLS are connected.
    Connected,
    /// The server has stopped answering connectivity checks.
    Disconnected,
    Packet(RtpPacket),
    SenderReport(SenderReport),
    /// The connection cannot be used any more.
    Failed(PeerError),
}

#[derive(Debug)]
pub(crate) struct PeerConnection {
    rtc: Rtc,
    /// When str0m must be called next.
    wake: Instant,
    outputs: VecDeque<PeerOutput>,
    /// The ICE session of the last description that was accepted; empty before the first.
    remote_ufrag: String,
    /// Of the server's certificate; empty before the first description.
    fingerprint: String,
    /// Candidates that arrived before the description that they belong to.
    early_candidates: VecDeque<TrickledCandidate>,
    tcp: TcpCandidates,
    failed: bool,
    connected: bool,
    pending_offer: Option<SdpPendingOffer>,
    /// The mids of the sections that send RED.
    red_mids: Vec<String>,
}

impl PeerConnection {
    /// Returns a connection on which the server sends. It accepts only Opus without RED: then the server unpacks RED and
    /// uses it to repair losses between publisher and server.
    pub fn subscriber(now: Instant, locals: &[SocketAddr]) -> Self {
        Self::new(now, locals, Red::Refused)
    }

    /// Returns a connection on which we send.
    pub fn publisher(now: Instant, locals: &[SocketAddr]) -> Self {
        Self::new(now, locals, Red::Offered)
    }

    fn new(now: Instant, locals: &[SocketAddr], red: Red) -> Self {
        let mut config = Rtc::builder()
            .clear_codecs()
            .enable_opus(true, red == Red::Offered)
            .set_rtp_mode(true)
            .set_stats_interval(None)
            .set_rtcp_report_interval_audio(REPORT_INTERVAL);
        config.set_initial_stun_rto(FIRST_CHECK_WAIT);
        config.set_max_stun_retransmits(CHECK_REPETITIONS);
        let rtc = config.build(now);
        let mut peer = Self {
            rtc,
            wake: now,
            outputs: VecDeque::new(),
            remote_ufrag: String::new(),
            fingerprint: String::new(),
            early_candidates: VecDeque::new(),
            tcp: TcpCandidates::default(),
            failed: false,
            connected: false,
            pending_offer: None,
            red_mids: Vec::new(),
        };
        peer.drain_output(now);
        for local in locals {
            if let Ok(candidate) = Candidate::host(*local, "udp") {
                peer.rtc.add_local_candidate(candidate);
                peer.drain_output(now);
            }
        }
        peer
    }

    /// Requests missing packets of this stream again. LiveKit retransmits them on the same SSRC, which str0m does not
    /// expect of a stream without RTX, so it must be enabled for each SSRC.
    pub fn enable_nack(&mut self, now: Instant, ssrc: Ssrc) {
        match self.rtc.direct_api().stream_rx(&ssrc.0.into()) {
            Some(stream) => stream.suppress_nack(false),
            None => tracing::warn!(%ssrc, "cannot request retransmissions: no such stream"),
        }
        self.drain_output(now);
    }

    /// Removes a stream that has ended, about which str0m would otherwise continue to report.
    pub fn remove_stream(&mut self, now: Instant, ssrc: Ssrc) {
        self.rtc.direct_api().remove_stream_rx(ssrc.0.into());
        self.drain_output(now);
    }

    pub fn handle_datagram(&mut self, now: Instant, datagram: &Datagram<&[u8]>) {
        let protocol = match datagram.transport {
            Transport::Udp => Protocol::Udp,
            Transport::Tcp => Protocol::Tcp,
        };
        // Ignore what is neither STUN nor DTLS nor RTP.
        let Ok(receive) = Receive::new(protocol, datagram.remote, datagram.local, datagram.contents) else {
            return;
        };
        self.input(now, Input::Receive(now, receive));
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.wake {
            self.run_timers(now);
        }
    }

    /// Returns whether ICE and DTLS have ever been connected.
    pub fn was_connected(&self) -> bool {
        self.connected
    }

    pub fn poll_output(&mut self) -> Option<PeerOutput> {
        self.outputs.pop_front()
    }

    pub fn deadline(&self) -> Instant {
        self.wake
    }

    /// Passes the time to str0m. Changes alone do not start its timers: without this an ICE-lite server, which never sends
    /// first, would wait for us forever.
    fn run_timers(&mut self, now: Instant) {
        self.drain_output(now);
        self.input(now, Input::Timeout(now));
    }

    fn input(&mut self, now: Instant, input: Input<'_>) {
        if self.failed {
            return;
        }
        if let Err(error) = self.rtc.handle_input(input) {
            self.fail(&error);
        }
        self.drain_output(now);
    }

    /// Reads str0m's output until there is none.
    fn drain_output(&mut self, now: Instant) {
        while !self.failed {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(wake)) => {
                    self.wake = wake;
                    if !self.rtc.is_alive() {
                        self.fail(&"closed");
                    }
                    return;
                }
                Ok(Output::Transmit(transmit)) => self.outputs.push_back(PeerOutput::Transmit(Datagram {
                    transport: if transmit.proto == Protocol::Udp {
                        Transport::Udp
                    } else {
                        Transport::Tcp
                    },
                    local: transmit.source,
                    remote: transmit.destination,
                    contents: transmit.contents.to_vec(),
                })),
                Ok(Output::Event(event)) => self.handle_event(event),
                Err(error) => self.fail(&error),
            }
        }
        self.wake = now + IDLE_WAKE;
    }

    fn handle_event(&mut self, event: Event) {
        let event = match event {
            Event::Connected => {
                self.connected = true;
                PeerEvent::Connected
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => PeerEvent::Disconnected,
            Event::RtpPacket(packet) if !packet.payload.is_empty() => PeerEvent::Packet(RtpPacket {
                ssrc: Ssrc(*packet.header.ssrc),
                seq_no: SeqNo(*packet.seq_no),
                timestamp: packet.header.timestamp,
                marker: packet.header.marker,
                arrival: packet.timestamp,
                payload: Bytes::copy_from_slice(&packet.payload),
            }),
            Event::SenderFeedback(feedback) => PeerEvent::SenderReport(SenderReport {
                ssrc: Ssrc(*feedback.sender_info.ssrc),
                rtp_timestamp: low_32_bits(feedback.sender_info.rtp_time.numer()),
                publisher_time: feedback.sender_info.ntp_time,
                arrival: feedback.received_at,
            }),
            _ => return,
        };
        self.outputs.push_back(PeerOutput::Event(event));
    }

    fn fail(&mut self, error: &dyn std::fmt::Display) {
        if !std::mem::replace(&mut self.failed, true) {
            self.outputs
                .push_back(PeerOutput::Event(PeerEvent::Failed(PeerError::Broken(
                    error.to_string(),
                ))));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Red {
    Refused,
    Offered,
}

impl From<RtcError> for PeerError {
    fn from(error: RtcError) -> Self {
        Self::Broken(error.to_string())
    }
}

fn low_32_bits(timestamp: u64) -> u32 {
    u32::try_from(timestamp & u64::from(u32::MAX)).expect("32 bits fit into 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp;

    /// A publisher and a subscriber on a simulated network and clock.
    struct Pair {
        now: Instant,
        publisher: PeerConnection,
        subscriber: PeerConnection,
        track: OutgoingTrack,
        received: Vec<RtpPacket>,
        connected: usize,
    }

    impl Pair {
        fn new() -> Self {
            let now = Instant::now();
            let [one, other] = ["10.0.0.1:1000", "10.0.0.2:2000"].map(|address| address.parse().unwrap());
            let (mut publisher, mut subscriber) = (
                PeerConnection::publisher(now, &[one]),
                PeerConnection::subscriber(now, &[other]),
            );
            let (track, offer) = publisher.offer_track(now, "TR_1", Codec::Opus).unwrap();
            let answer = subscriber.accept_offer(now, &offer, &sdp::scan(&offer)).unwrap();
            publisher.accept_answer(now, &answer).unwrap();
            Self {
                now,
                publisher,
                subscriber,
                track,
                received: Vec::new(),
                connected: 0,
            }
        }

        fn run(&mut self, time: Duration) {
            let until = self.now + time;
            while self.now < until {
                self.exchange();
                self.now += Duration::from_millis(5);
                self.publisher.handle_timeout(self.now);
                self.subscriber.handle_timeout(self.now);
            }
        }

        fn exchange(&mut self) {
            loop {
                let (ours, theirs) = (self.publisher.poll_output(), self.subscriber.poll_output());
                if ours.is_none() && theirs.is_none() {
                    return;
                }
                deliver(self.now, ours, &mut self.subscriber);
                match theirs {
                    Some(PeerOutput::Event(PeerEvent::Packet(packet))) => self.received.push(packet),
                    Some(PeerOutput::Event(PeerEvent::Connected)) => self.connected += 1,
                    other => deliver(self.now, other, &mut self.publisher),
                }
            }
        }
    }

    fn deliver(now: Instant, output: Option<PeerOutput>, to: &mut PeerConnection) {
        if let Some(PeerOutput::Transmit(sent)) = output {
            let (local, remote) = (sent.remote, sent.local);
            to.handle_datagram(
                now,
                &Datagram {
                    transport: sent.transport,
                    local,
                    remote,
                    contents: &sent.contents,
                },
            );
        }
    }

    #[test]
    fn two_peers_connect_and_packets_keep_their_sequence_numbers_and_payloads() {
        let mut pair = Pair::new();
        pair.run(Duration::from_secs(2));

        for seq_no in [0, 1, 2, 5] {
            let payload = vec![0xf8, u8::try_from(seq_no).unwrap()];
            let packet = OutgoingPacket {
                seq_no: SeqNo(seq_no),
                timestamp: 960,
                at: pair.now,
                marker: false,
                payload,
            };
            pair.publisher.send(pair.now, pair.track, packet);
            pair.run(Duration::from_millis(20));
        }

        assert_eq!(pair.connected, 1);
        let received: Vec<_> = pair
            .received
            .iter()
            .map(|packet| (packet.seq_no.0, packet.payload[1]))
            .collect();
        assert_eq!(received, [(0, 0), (1, 1), (2, 2), (5, 5)]);
    }

    #[test]
    fn datagrams_from_unknown_addresses_are_ignored() {
        let mut pair = Pair::new();
        pair.run(Duration::from_secs(2));
        let local = "10.0.0.2:2000".parse().unwrap();
        let remote = "192.0.2.9:9".parse().unwrap();

        for first in 0..=255u8 {
            for length in [0, 1, 12, 20, 100] {
                let contents = &vec![first; length][..];
                let datagram = Datagram {
                    transport: Transport::Udp,
                    local,
                    remote,
                    contents,
                };
                pair.subscriber.handle_datagram(pair.now, &datagram);
            }
        }
        pair.run(Duration::from_millis(50));

        assert!(pair.received.is_empty() && !pair.subscriber.failed);
    }
}
