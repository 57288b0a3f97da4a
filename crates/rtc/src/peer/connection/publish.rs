//! Sending: our offers, and packets with sequence numbers of our choice.

use std::time::Instant;

use str0m::{
    change::{SdpAnswer, SdpOffer},
    media::{Direction, MediaKind, Mid, Pt},
    rtp::RtpWrite,
};

use super::{PeerConnection, PeerError};
use crate::{ids::SeqNo, sdp};

/// A section that we send on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutgoingTrack {
    mid: Mid,
    codec: Codec,
}

/// What its packets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Opus,
    Red,
}

/// One packet to go out.
#[derive(Debug)]
pub(crate) struct OutgoingPacket {
    pub seq_no: SeqNo,
    pub timestamp: u32,
    /// What the sender reports take `timestamp` to mean.
    pub at: Instant,
    pub marker: bool,
    pub payload: Vec<u8>,
}

impl PeerConnection {
    /// Offers one more track; `cid` is the name under which it was announced.
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
        self.settle(now);
        if codec == Codec::Red {
            self.red_mids.push(mid.to_string());
        }
        Some((OutgoingTrack { mid, codec }, self.describe(&offer)))
    }

    /// Offers to send nothing on a track any more.
    pub fn offer_stop(&mut self, now: Instant, track: OutgoingTrack) -> Option<String> {
        let mut api = self.rtc.sdp_api();
        api.set_direction(track.mid, Direction::Inactive);
        let (offer, pending) = api.apply()?;
        self.pending_offer = Some(pending);
        self.settle(now);
        Some(self.describe(&offer))
    }

    pub fn accept_answer(&mut self, now: Instant, sdp: &str) -> Result<(), PeerError> {
        let Some(pending) = self.pending_offer.take() else {
            return Ok(());
        };
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| PeerError::BadDescription(error.to_string()))?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        self.settle(now);
        self.describe_remote(now, &sdp::scan(sdp));
        Ok(())
    }

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
        self.kick(now);
    }

    /// As the server's answer numbers them.
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

    fn describe(&self, offer: &SdpOffer) -> String {
        sdp::strip_red(&offer.to_sdp_string(), |mid| self.red_mids.iter().any(|red| red == mid))
    }
}
