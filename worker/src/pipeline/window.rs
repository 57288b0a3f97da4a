//! Divides speech into chunks for an engine.

use media::opus::decode::SampleTime16k;

use super::{Span, vad::Frames};

/// The chunks that suit an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunking {
    /// Longest chunk.
    pub longest: SampleTime16k,
    /// Spans of speech no further apart than this share a chunk; with 0, each span gets its own.
    pub join_gap: SampleTime16k,
}

impl Chunking {
    /// For engines that process windows of 30 s, however full: fills them.
    pub const WINDOWS: Self = Self {
        longest: SampleTime16k::from_millis(28_000),
        join_gap: SampleTime16k::from_millis(2_000),
    };

    /// For engines that process one utterance at a time.
    pub const UTTERANCES: Self = Self {
        longest: SampleTime16k::from_millis(28_000),
        join_gap: SampleTime16k::ZERO,
    };
}

/// Speech longer than a chunk is cut at the quietest frame within this distance of the chunk's end.
const CUT_RANGE: SampleTime16k = SampleTime16k::from_millis(5_000);

/// Returns the chunks that contain all of `speech`, in order. None is too long, empty, or overlaps another.
pub fn chunks(speech: &[Span], frames: &Frames, chunking: Chunking) -> Vec<Span> {
    let mut chunks: Vec<Span> = Vec::new();
    for piece in speech.iter().flat_map(|span| split(*span, frames, chunking.longest)) {
        match chunks.last_mut() {
            Some(last) if joins(*last, piece, chunking) => last.end = piece.end,
            _ => chunks.push(piece),
        }
    }
    chunks
}

fn joins(last: Span, next: Span, chunking: Chunking) -> bool {
    let is_near = chunking.join_gap > SampleTime16k::ZERO && next.start - last.end <= chunking.join_gap;
    is_near && next.end - last.start <= chunking.longest
}

fn split(mut span: Span, frames: &Frames, longest: SampleTime16k) -> Vec<Span> {
    let mut pieces = Vec::new();
    while span.len() > longest {
        let end = span.start + longest;
        let late = Span {
            start: end - CUT_RANGE.min(SampleTime16k(longest.0 / 2)),
            end,
        };
        let at = frames.quietest(late).unwrap_or(end);
        pieces.push(Span {
            start: span.start,
            end: at,
        });
        span.start = at;
    }
    if !span.is_empty() {
        pieces.push(span);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(start: f64, end: f64) -> Span {
        Span::from_millis((start * 1000.0) as u64, (end * 1000.0) as u64)
    }

    #[test]
    fn neighbouring_spans_share_a_window_until_it_is_full() {
        let speech = [
            seconds(0.0, 10.0),
            seconds(11.0, 20.0),
            seconds(21.0, 30.0),
            seconds(33.0, 34.0),
        ];

        let windows = chunks(&speech, &Frames::default(), Chunking::WINDOWS);
        let utterances = chunks(&speech, &Frames::default(), Chunking::UTTERANCES);

        assert_eq!(windows, [seconds(0.0, 20.0), seconds(21.0, 30.0), seconds(33.0, 34.0)]);
        assert_eq!(utterances, speech);
    }

    #[test]
    fn long_speech_is_cut_at_its_quietest_frame_near_the_end() {
        // 40 s of speech, quiet for one frame at 10 s and at 25 s: the first is too early to be of use.
        let quiet = |second: usize| second * 16_000 / 256;
        let mut picture = "#".repeat(40 * 16_000 / 256);
        for at in [quiet(10), quiet(25)] {
            picture.replace_range(at..at + 1, "-");
        }

        let chunks = chunks(&[seconds(0.0, 40.0)], &Frames::drawn(&picture), Chunking::UTTERANCES);

        let at = SampleTime16k::from_len(quiet(25) * 256 + 128);
        assert_eq!(
            chunks,
            [
                Span {
                    start: SampleTime16k::ZERO,
                    end: at
                },
                Span {
                    start: at,
                    end: SampleTime16k::from_millis(40_000)
                }
            ]
        );
    }

    #[test]
    fn no_speech_is_lost_doubled_or_too_long() {
        let speech = [seconds(0.0, 0.1), seconds(0.5, 200.0), seconds(201.0, 229.5)];

        for chunking in [
            Chunking::WINDOWS,
            Chunking::UTTERANCES,
            Chunking {
                longest: SampleTime16k(1),
                join_gap: SampleTime16k::ZERO,
            },
        ] {
            let speech = if chunking.longest == SampleTime16k(1) {
                &[Span {
                    start: SampleTime16k(5),
                    end: SampleTime16k(9),
                }][..]
            } else {
                &speech
            };
            let chunks = chunks(speech, &Frames::default(), chunking);

            assert!(
                chunks.iter().all(|c| !c.is_empty() && c.len() <= chunking.longest),
                "{chunks:?}"
            );
            assert!(chunks.is_sorted_by(|a, b| a.end <= b.start), "{chunks:?}");
            for span in speech {
                assert!(
                    chunks.iter().any(|c| c.start <= span.start && span.start < c.end),
                    "{span:?}"
                );
                assert!(
                    chunks.iter().any(|c| c.start < span.end && span.end <= c.end),
                    "{span:?}"
                );
            }
        }
    }
}
