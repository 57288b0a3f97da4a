//! The length of an Opus packet, from its first bytes (RFC 6716 section 3), and whether it is valid at all.

use thiserror::Error;

/// Longest packet, 120 ms, in samples at 48 kHz (RFC 6716 section 3.4, requirement 5).
pub const MAX_PACKET_SAMPLES: u32 = 5760;

/// Longest frame in bytes (RFC 6716 section 3.2.1).
const MAX_FRAME_BYTES: usize = 1275;

/// Why bytes are not a valid Opus packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MalformedPacket {
    /// There is no first byte.
    #[error("the packet is empty")]
    Empty,
    /// The frames are longer than 120 ms in all, or there are none.
    #[error("the packet's duration is zero or exceeds 120 ms")]
    Duration,
    /// The frame lengths do not add up.
    #[error("the frames do not fit into the packet as its first bytes describe them")]
    Framing,
}

/// The TOC byte, the first of a packet: mode, bandwidth, frame size, channels and the code for the number of frames
/// (RFC 6716 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toc(pub u8);

impl Toc {
    /// Returns the length of one frame, in samples at 48 kHz (RFC 6716 table 2).
    pub fn frame_samples(self) -> u32 {
        let config = self.0 >> 3;
        match config {
            0..12 => [480, 960, 1920, 2880][usize::from(config & 3)], // SILK
            12..16 => [480, 960][usize::from(config & 1)],            // hybrid
            _ => [120, 240, 480, 960][usize::from(config & 3)],       // CELT
        }
    }

    /// Whether the packet is stereo.
    pub fn is_stereo(self) -> bool {
        self.0 & 0b100 != 0
    }

    /// Returns the same mode with code 0, one frame. A packet of only this byte asks the decoder for concealment.
    pub fn single_frame(self) -> Self {
        Self(self.0 & 0b1111_1100)
    }
}

/// Returns the length of `packet`, in samples at 48 kHz.
///
/// # Errors
/// The packet is one that libopus would refuse.
pub fn packet_samples(packet: &[u8]) -> Result<u32, MalformedPacket> {
    let (&toc, frames) = packet.split_first().ok_or(MalformedPacket::Empty)?;
    let count = match toc & 0b11 {
        0 => one_frame(frames)?,
        1 => two_equal_frames(frames)?,
        2 => two_frames(frames)?,
        _ => many_frames(Toc(toc), frames)?,
    };
    Ok(count * Toc(toc).frame_samples())
}

fn one_frame(frames: &[u8]) -> Result<u32, MalformedPacket> {
    fits(frames.len()).map(|()| 1)
}

fn two_equal_frames(frames: &[u8]) -> Result<u32, MalformedPacket> {
    if !frames.len().is_multiple_of(2) {
        return Err(MalformedPacket::Framing);
    }
    fits(frames.len() / 2).map(|()| 2)
}

fn two_frames(frames: &[u8]) -> Result<u32, MalformedPacket> {
    let (first, rest) = frame_length(frames)?;
    fits(rest.len().checked_sub(first).ok_or(MalformedPacket::Framing)?).map(|()| 2)
}

/// Code 3 (RFC 6716 section 3.2.5): a count byte, padding, and lengths unless all frames are equal.
fn many_frames(toc: Toc, frames: &[u8]) -> Result<u32, MalformedPacket> {
    let (&counter, rest) = frames.split_first().ok_or(MalformedPacket::Framing)?;
    let count = u32::from(counter & 0b0011_1111);
    if count == 0 || count * toc.frame_samples() > MAX_PACKET_SAMPLES {
        return Err(MalformedPacket::Duration);
    }
    let has_padding = counter & 0b0100_0000 != 0;
    let has_lengths = counter & 0b1000_0000 != 0;
    let frames = if has_padding { without_padding(rest)? } else { rest };
    if has_lengths {
        varying_frames(count, frames)?
    } else {
        equal_frames(count, frames)?
    }
    Ok(count)
}

/// Returns the frames without the padding at their end. Its length precedes them: 254 for each byte of 255, plus a last
/// byte.
fn without_padding(mut bytes: &[u8]) -> Result<&[u8], MalformedPacket> {
    let mut padding = 0;
    loop {
        let (&length, rest) = bytes.split_first().ok_or(MalformedPacket::Framing)?;
        bytes = rest;
        if length < 255 {
            padding += usize::from(length);
            break;
        }
        padding += 254;
    }
    let kept = bytes.len().checked_sub(padding).ok_or(MalformedPacket::Framing)?;
    Ok(&bytes[..kept])
}

fn varying_frames(count: u32, mut bytes: &[u8]) -> Result<(), MalformedPacket> {
    let mut lengths = 0;
    for _ in 1..count {
        let (length, rest) = frame_length(bytes)?;
        lengths += length;
        bytes = rest;
    }
    fits(bytes.len().checked_sub(lengths).ok_or(MalformedPacket::Framing)?)
}

fn equal_frames(count: u32, bytes: &[u8]) -> Result<(), MalformedPacket> {
    let count = count as usize;
    if !bytes.len().is_multiple_of(count) {
        return Err(MalformedPacket::Framing);
    }
    fits(bytes.len() / count)
}

/// Reads a length of one or two bytes (RFC 6716 section 3.2.1) and returns it with the bytes that follow.
fn frame_length(bytes: &[u8]) -> Result<(usize, &[u8]), MalformedPacket> {
    match bytes {
        [first, rest @ ..] if *first < 252 => Ok((usize::from(*first), rest)),
        [first, second, rest @ ..] => Ok((usize::from(*second) * 4 + usize::from(*first), rest)),
        _ => Err(MalformedPacket::Framing),
    }
}

fn fits(frame_bytes: usize) -> Result<(), MalformedPacket> {
    if frame_bytes > MAX_FRAME_BYTES {
        Err(MalformedPacket::Framing)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_mode_has_its_frame_size() {
        let frame_sizes = [0, 1, 2, 3, 12, 13, 14, 15, 16, 17, 18, 19, 28, 31].map(|c: u8| Toc(c << 3).frame_samples());

        assert_eq!(
            frame_sizes,
            [480, 960, 1920, 2880, 480, 960, 480, 960, 120, 240, 480, 960, 120, 960]
        );
    }

    #[test]
    fn frames_are_counted_for_every_code() {
        assert_eq!(packet_samples(&[0xf8]), Ok(960));
        assert_eq!(packet_samples(&[0xf8, 0xff, 0xfe]), Ok(960));
        assert_eq!(packet_samples(&[0xf9, 1, 2]), Ok(1920));
        assert_eq!(packet_samples(&[0xfa, 1, 7, 8]), Ok(1920));
        assert_eq!(packet_samples(&[0xfb, 3, 7, 8, 9]), Ok(2880));
        assert_eq!(packet_samples(&[0xfb, 0x83, 1, 1, 7, 8, 9]), Ok(2880));
        assert_eq!(packet_samples(&[0xfb, 0x42, 1, 7, 8, 0]), Ok(1920));
    }

    #[test]
    fn more_than_120_ms_are_refused() {
        assert_eq!(packet_samples(&[0xfb, 6]), Ok(MAX_PACKET_SAMPLES));
        assert_eq!(packet_samples(&[0xfb, 7]), Err(MalformedPacket::Duration));
        assert_eq!(packet_samples(&[0x1b, 63]), Err(MalformedPacket::Duration));
        assert_eq!(packet_samples(&[0xfb, 0]), Err(MalformedPacket::Duration));
    }

    #[test]
    fn truncated_packets_are_refused() {
        assert_eq!(packet_samples(&[]), Err(MalformedPacket::Empty));
        for damaged in [
            &[0xf9, 1][..],
            &[0xfa],
            &[0xfa, 9, 1],
            &[0xfb],
            &[0xfb, 0x42],
            &[0xfb, 0x42, 255],
            &[0xfb, 0x82, 252],
        ] {
            assert_eq!(packet_samples(damaged), Err(MalformedPacket::Framing), "{damaged:?}");
        }
    }

    proptest! {
        #[test]
        fn exactly_the_packets_that_libopus_parses_are_accepted(packet in prop::collection::vec(any::<u8>(), 1..1400)) {
            let theirs = ::opus::packet::parse(&packet).ok().map(|_| ::opus::packet::get_nb_samples(&packet, 48_000).unwrap());

            prop_assert_eq!(packet_samples(&packet).ok().map(|n| n as usize), theirs);
        }

        #[test]
        fn the_same_holds_for_packets_of_many_frames(config in 0u8..32, rest in prop::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..60)) {
            let packet = [vec![config << 3 | 3], rest].concat();
            let theirs = ::opus::packet::parse(&packet).ok().map(|_| ::opus::packet::get_nb_samples(&packet, 48_000).unwrap());

            prop_assert_eq!(packet_samples(&packet).ok().map(|n| n as usize), theirs);
        }
    }
}
