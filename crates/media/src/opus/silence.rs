//! Packets of our own, where the publisher sent none.

use bytes::Bytes;

use super::Toc;

/// Length of the frames that LiveKit puts into a stream at mute and at its end.
const INJECTED_BYTES: usize = 80;

/// Digital silence in CELT, full band, mono: frames of 20, 10, 5 and 2.5 ms, so that any multiple of 2.5 ms can be
/// filled.
const SILENCE: [&[u8; 3]; 4] = [
    &[0xf8, 0xff, 0xfe],
    &[0xf0, 0xff, 0xfe],
    &[0xe8, 0xff, 0xfe],
    &[0xe0, 0xff, 0xfe],
];

/// What fills a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillerKind {
    /// Digital silence.
    Silence,
    /// The decoder's guess of how the sound before went on.
    Concealment(Toc),
}

/// Packets for a gap, made one by one so that hours of silence need no memory. What is left in the end is shorter
/// than the shortest frame.
#[derive(Clone, Debug)]
pub struct Filler {
    pub kind: FillerKind,
    remaining: u64,
}

impl Filler {
    /// The shortest frame: 2.5 ms at 48 kHz. Gaps are filled in multiples of it.
    pub const GRAIN: u64 = 120;

    /// Fills `samples`, rounded down to the grain.
    pub fn new(kind: FillerKind, samples: u64) -> Self {
        Self {
            kind,
            remaining: samples - samples % Self::GRAIN,
        }
    }

    /// Samples at 48 kHz that are still to be made.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    fn next_frame(&self) -> Option<(Toc, Bytes)> {
        let fits = |toc: Toc| u64::from(toc.frame_samples()) <= self.remaining;
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
    /// A packet and its samples at 48 kHz.
    type Item = (Bytes, u32);

    fn next(&mut self) -> Option<Self::Item> {
        let (toc, packet) = self.next_frame()?;
        self.remaining -= u64::from(toc.frame_samples());
        Some((packet, toc.frame_samples()))
    }
}

/// Whether the server made this frame: LiveKit sends a second of them at mute and 0.2 s at the end of a track. A
/// publisher's own silence is shorter.
pub fn is_injected(payload: &[u8]) -> bool {
    payload.len() == INJECTED_BYTES && payload.starts_with(&[0xf8, 0xff, 0xfe]) && payload[3..].iter().all(|&b| b == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opus::packet_samples;

    fn lengths(kind: FillerKind, samples: u64) -> Vec<(usize, u32)> {
        Filler::new(kind, samples)
            .map(|(packet, samples)| (packet.len(), samples))
            .collect()
    }

    #[test]
    fn silence_is_made_of_the_longest_frames_that_fit() {
        let silence = lengths(FillerKind::Silence, 960 * 2 + 480 + 240 + 120 + 119);

        assert_eq!(silence, [(3, 960), (3, 960), (3, 480), (3, 240), (3, 120)]);
    }

    #[test]
    fn concealment_goes_on_in_the_mode_of_the_last_packet() {
        let wideband_60_ms = Toc(0b0101_1011);

        let frames: Vec<_> = Filler::new(FillerKind::Concealment(wideband_60_ms), 2880 + 960 + 480).collect();

        assert_eq!(frames[0], (Bytes::from_static(&[0b0101_1000]), 2880));
        assert_eq!(frames[1..].iter().map(|f| f.1).collect::<Vec<_>>(), [960, 480]);
    }

    #[test]
    fn every_filler_plays_for_as_long_as_it_says() {
        for kind in [
            FillerKind::Silence,
            FillerKind::Concealment(Toc(0xfc)),
            FillerKind::Concealment(Toc(0x78)),
        ] {
            for (packet, samples) in Filler::new(kind, 9480) {
                assert_eq!(packet_samples(&packet), Ok(samples));
            }
        }
    }

    #[test]
    fn only_the_servers_own_frames_count_as_injected() {
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
