//! Filler packets for intervals in which the publisher sent nothing.

use bytes::Bytes;
use domain::SampleTime;

use super::Toc;

/// Length of the frames that livekit-server injects when a track is muted or ends.
const INJECTED_BYTES: usize = 80;

/// Digital silence in CELT, fullband, mono: frames of 20, 10, 5 and 2.5 ms, so that any multiple of 2.5 ms can be filled.
const SILENCE: [&[u8; 3]; 4] = [
    &[0xf8, 0xff, 0xfe],
    &[0xf0, 0xff, 0xfe],
    &[0xe8, 0xff, 0xfe],
    &[0xe0, 0xff, 0xfe],
];

/// What a gap is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillerKind {
    /// Digital silence.
    Silence,
    /// Packet loss concealment: the decoder extrapolates from the packet before, whose TOC byte this is.
    Concealment(Toc),
}

/// An iterator over the packets that fill a gap, made one at a time so that hours of silence need no memory. Yields a
/// packet and its length in samples at 48 kHz.
#[derive(Clone, Debug)]
pub struct Filler {
    /// What the gap is filled with.
    pub kind: FillerKind,
    remaining: SampleTime,
}

impl Filler {
    /// The shortest Opus frame, 2.5 ms. Gaps are filled in multiples of it.
    pub const GRAIN: SampleTime = SampleTime(120);

    /// Creates a filler for a gap of this length, rounded down to [`Self::GRAIN`]; a negative length counts as 0.
    pub fn new(kind: FillerKind, length: SampleTime) -> Self {
        let length = length.max(SampleTime::ZERO);
        Self {
            kind,
            remaining: length - SampleTime(length.0 % Self::GRAIN.0),
        }
    }

    /// Returns the length that is still to be filled.
    pub fn remaining(&self) -> SampleTime {
        self.remaining
    }

    fn next_frame(&self) -> Option<(Toc, Bytes)> {
        let fits = |toc: Toc| frame_length(toc) <= self.remaining;
        let silence = SILENCE.into_iter().find(|frame| fits(Toc(frame[0])))?;
        match self.kind {
            FillerKind::Silence => Some((Toc(silence[0]), Bytes::from_static(silence))),
            FillerKind::Concealment(last) => {
                let toc = Some(last.single_frame())
                    .filter(|&toc| fits(toc))
                    .unwrap_or(Toc(silence[0]));
                Some((toc, Bytes::copy_from_slice(&[toc.0])))
            }
        }
    }
}

impl Iterator for Filler {
    type Item = (Bytes, u32);

    fn next(&mut self) -> Option<Self::Item> {
        let (toc, packet) = self.next_frame()?;
        self.remaining = self.remaining - frame_length(toc);
        Some((packet, toc.frame_samples()))
    }
}

/// Whether a packet looks like one of a [`Filler`]. A publisher may send the same bytes.
pub(crate) fn looks_like_filler(payload: &[u8]) -> bool {
    payload.len() == 1 || SILENCE.iter().any(|frame| frame[..] == *payload)
}

fn frame_length(toc: Toc) -> SampleTime {
    SampleTime(toc.frame_samples().into())
}

/// Whether livekit-server made this frame. It sends 1 s of them when a track is muted and 0.2 s when it ends. A
/// publisher's own silent frames are shorter.
pub fn is_injected(payload: &[u8]) -> bool {
    payload.len() == INJECTED_BYTES && payload.starts_with(&[0xf8, 0xff, 0xfe]) && payload[3..].iter().all(|&b| b == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opus::packet_samples;

    fn lengths(kind: FillerKind, samples: i64) -> Vec<(usize, u32)> {
        Filler::new(kind, SampleTime(samples))
            .map(|(packet, samples)| (packet.len(), samples))
            .collect()
    }

    #[test]
    fn silence_uses_the_longest_frames_that_fit() {
        let silence = lengths(FillerKind::Silence, 960 * 2 + 480 + 240 + 120 + 119);

        assert_eq!(silence, [(3, 960), (3, 960), (3, 480), (3, 240), (3, 120)]);
    }

    #[test]
    fn concealment_continues_the_mode_of_the_last_packet() {
        let wideband_60_ms = Toc(0b0101_1011);

        let frames: Vec<_> =
            Filler::new(FillerKind::Concealment(wideband_60_ms), SampleTime(2880 + 960 + 480)).collect();

        assert_eq!(frames[0], (Bytes::from_static(&[0b0101_1000]), 2880));
        assert_eq!(frames[1..].iter().map(|f| f.1).collect::<Vec<_>>(), [960, 480]);
    }

    #[test]
    fn every_filler_has_the_length_that_it_reports() {
        for kind in [
            FillerKind::Silence,
            FillerKind::Concealment(Toc(0xfc)),
            FillerKind::Concealment(Toc(0x78)),
        ] {
            for (packet, samples) in Filler::new(kind, SampleTime(9480)) {
                assert_eq!(packet_samples(&packet), Ok(samples));
            }
        }
    }

    #[test]
    fn only_the_servers_frames_count_as_injected() {
        let mut injected = vec![0; 80];
        injected[..3].copy_from_slice(&[0xf8, 0xff, 0xfe]);
        let mut speech = injected.clone();
        speech[79] = 1;

        assert!(is_injected(&injected));
        assert!(!is_injected(&speech));
        assert!(!is_injected(&[0xf8, 0xff, 0xfe]));
        assert!(!is_injected(&[]));
    }
}
