//! Sending: our offers, and packets with given sequence numbers.

use std::time::Instant;

use str0m::{
    change::{SdpAnswer, SdpOffer},
    media::{Direction, MediaKind, Mid, Pt},
    rtp::RtpWrite,
};

use super::{PeerConnection, PeerError};
use crate::{ids::SeqNo, sdp};

/// A section of the session description that we send on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutgoingTrack {
    mid: Mid,
    codec: Codec,
}

/// The format of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Opus,
    /// Opus with redundancy (RFC 2198).
    Red,
}

/// One packet to send.
#[derive(Debug)]
pub(crate) struct OutgoingPacket {
    pub seq_no: SeqNo,
    pub timestamp: u32,
    /// The wall time of `timestamp` in sender reports.
    pub at: Instant,
    pub marker: bool,
    pub payload: Vec<u8>,
}

impl PeerConnection {
    /// Returns an offer with one more track. `cid` is the client's id under which the track was announced.
    pub fn offer_track(&mut self, now: Instant, cid: &str, codec: Codec) -> Option<(OutgoingTrack, String)> {
        let mut api = self.rtc.sdp_api();
        let mid = api.add_media(
            MediaKind::Audio,
            Direction::SendOnly,
            Some("mic".into()),
            Some(cid.to_owned()),
            None,
        );
        let (offer, pending) = api.apply()?;
        self.pending_offer = Some(pending);
        self.drain_output(now);
        if codec == Codec::Red {
            self.red_mids.push(mid.to_string());
        }
        Some((OutgoingTrack { mid, codec }, self.offer_text(&offer)))
    }

    /// Returns an offer that stops sending on a track.
    pub fn offer_stop(&mut self, now: Instant, track: OutgoingTrack) -> Option<String> {
        let mut api = self.rtc.sdp_api();
        api.set_direction(track.mid, Direction::Inactive);
        let (offer, pending) = api.apply()?;
        self.pending_offer = Some(pending);
        self.drain_output(now);
        Some(self.offer_text(&offer))
    }

    /// Accepts the server's answer to our last offer.
    pub fn accept_answer(&mut self, now: Instant, sdp: &str) -> Result<(), PeerError> {
        let Some(pending) = self.pending_offer.take() else {
            return Ok(());
        };
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| PeerError::BadDescription(error.to_string()))?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        self.drain_output(now);
        self.handle_remote_description(now, &sdp::scan(sdp));
        Ok(())
    }

    /// Sends a packet. Does nothing if the track is not negotiated.
    pub fn send(&mut self, now: Instant, track: OutgoingTrack, packet: OutgoingPacket) {
        let Some(payload_type) = self.payload_type(track) else {
            return;
        };
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(track.mid, None) {
            let write = RtpWrite::new(
                payload_type,
                packet.seq_no.0.into(),
                packet.timestamp,
                packet.at,
                packet.payload,
            );
            stream.write_rtp(write.marker(packet.marker));
        }
        self.run_timers(now);
    }

    /// Returns the payload type that the server's answer assigns to the track's codec.
    fn payload_type(&self, track: OutgoingTrack) -> Option<Pt> {
        let agreed = self.rtc.media(track.mid)?.remote_pts();
        let opus = self
            .rtc
            .codec_config()
            .params()
            .iter()
            .find(|params| agreed.contains(&params.pt()))?;
        match track.codec {
            Codec::Opus => Some(opus.pt()),
            Codec::Red => opus.red(),
        }
    }

    fn offer_text(&self, offer: &SdpOffer) -> String {
        sdp::strip_red(&offer.to_sdp_string(), |mid| self.red_mids.iter().any(|red| red == mid))
    }
}
