//! Opus packets, copied as they are.

use bytes::Bytes;
use symphonia::core::codecs::audio::AudioCodecParameters;

use super::ImportError;
use super::output::Output;
use crate::ogg::MAX_PACKET_BYTES;
use crate::opus::{OpusHead, packet_samples};

/// Returns the header of an Opus stream. WebM of some recorders has none; then the stream is as RTP delivers it.
///
/// # Errors
/// The header is not supported.
pub(super) fn head(params: &AudioCodecParameters) -> Result<OpusHead, ImportError> {
    match params.extra_data.as_deref() {
        Some(bytes) if !bytes.is_empty() => Ok(OpusHead::parse(bytes)?),
        _ => {
            let channels = params.channels.as_ref().map_or(2, |channels| channels.count());
            Ok(OpusHead::for_rtp(if channels == 1 { 1 } else { 2 }))
        }
    }
}

/// Whether a packet is valid Opus that fits on a page.
pub(super) fn is_valid(packet: &[u8]) -> bool {
    packet.len() <= MAX_PACKET_BYTES && packet_samples(packet).is_ok()
}

/// Writes a valid packet.
pub(super) fn write(output: &mut Output, packet: Box<[u8]>) {
    if let Ok(samples) = packet_samples(&packet) {
        output.push_packet(Bytes::from(packet), samples);
    }
}
