//! Where somebody speaks.

use earshot::Detector;

use super::{Span, samples};

/// Samples that the detector judges at once: 16 ms.
pub const FRAME: usize = 256;

/// Score from which a frame counts as speech. At 0.3 low noise passes, at 0.7 quiet voices are lost.
const THRESHOLD: f32 = 0.5;

/// Speech begins where so many of [`WINDOW`] frames in a row are speech: clicks are shorter.
const FRAMES_ON: usize = 3;
const WINDOW: usize = 5;

/// Speech goes on over pauses up to this: stops and breaths inside a sentence.
const HANGOVER: u64 = samples(400);

/// Kept before and after: the detector is late at soft first sounds.
const PADDING: u64 = samples(200);

/// Shorter speech, before padding, is none.
const MIN_SPEECH: u64 = samples(100);

/// Quietest level that is told apart, in dBFS; silence has it.
const FLOOR_DB: f32 = -100.0;

/// What one pass over a track leaves: two bytes for every frame of 16 ms, half a megabyte an hour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frames {
    /// Whether a frame is speech by itself.
    voiced: Vec<bool>,
    /// Loudness in dBFS, -100 to 0.
    levels: Vec<i8>,
    /// Length of the track.
    samples: u64,
}

/// Scores a track as it is decoded.
pub struct FrameScorer {
    detector: Box<Detector>,
    pending: Vec<i16>,
    frames: Frames,
}

impl Default for FrameScorer {
    fn default() -> Self {
        Self {
            detector: Detector::default_boxed(),
            pending: Vec::with_capacity(FRAME),
            frames: Frames::default(),
        }
    }
}

impl FrameScorer {
    /// Takes the next samples of the track, of any number.
    pub fn push(&mut self, mut pcm: &[i16]) {
        self.frames.samples += pcm.len() as u64;
        while !pcm.is_empty() {
            let (now, later) = pcm.split_at(pcm.len().min(FRAME - self.pending.len()));
            self.pending.extend(now);
            if self.pending.len() == FRAME {
                self.score();
            }
            pcm = later;
        }
    }

    /// The scores of the whole track; a last frame that is not full is filled with silence.
    pub fn finish(mut self) -> Frames {
        if !self.pending.is_empty() {
            self.pending.resize(FRAME, 0);
            self.score();
        }
        self.frames
    }

    fn score(&mut self) {
        self.frames
            .voiced
            .push(self.detector.predict_i16(&self.pending) >= THRESHOLD);
        self.frames.levels.push(level(&self.pending));
        self.pending.clear();
    }
}

impl Frames {
    /// The stretches in which somebody speaks, in order, padded, none touching another.
    pub fn speech(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for span in self.runs().into_iter().filter(|s| s.len() >= MIN_SPEECH) {
            let padded = Span {
                start: span.start.saturating_sub(PADDING),
                end: (span.end + PADDING).min(self.samples),
            };
            match spans.last_mut() {
                Some(last) if padded.start <= last.end => last.end = padded.end,
                _ => spans.push(padded),
            }
        }
        spans
    }

    /// Middle of the quietest frame that lies wholly within `span`, the first of several; `None` if none does.
    pub fn quietest(&self, span: Span) -> Option<u64> {
        let frame = FRAME as u64;
        let (first, end) = (
            span.start.div_ceil(frame),
            (span.end / frame).min(self.levels.len() as u64),
        );
        let quietest = (first..end).min_by_key(|&i| self.levels[i as usize])?;
        Some(quietest * frame + frame / 2)
    }

    /// Smoothed, not padded.
    fn runs(&self) -> Vec<Span> {
        let mut runs: Vec<Span> = Vec::new();
        for (i, window) in self.voiced.windows(WINDOW).enumerate() {
            if window.iter().filter(|v| **v).count() < FRAMES_ON {
                continue;
            }
            let voiced = |from: usize| window.iter().skip(from).position(|v| *v).map_or(0, |p| p + from);
            let first = i + voiced(0);
            let last = i + WINDOW - window.iter().rev().position(|v| *v).unwrap_or(0);
            let span = Span {
                start: (first * FRAME) as u64,
                end: (last * FRAME) as u64,
            };
            match runs.last_mut() {
                Some(run) if span.start <= run.end + HANGOVER => run.end = run.end.max(span.end),
                _ => runs.push(span),
            }
        }
        runs
    }
}

/// Root mean square in dB below full scale, rounded.
fn level(frame: &[i16]) -> i8 {
    let power = frame.iter().map(|s| (f32::from(*s) / 32_768.0).powi(2)).sum::<f32>() / frame.len() as f32;
    (10.0 * power.log10()).clamp(FLOOR_DB, 0.0).round() as i8
}

#[cfg(test)]
impl Frames {
    /// One character a frame: `#` loud speech, `-` quiet speech, `.` silence.
    pub fn drawn(picture: &str) -> Self {
        let level = |c| match c {
            '#' => -20,
            '-' => -40,
            _ => -100,
        };
        Self {
            voiced: picture.chars().map(|c| c != '.').collect(),
            levels: picture.chars().map(level).collect(),
            samples: (picture.len() * FRAME) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames in `ms`, rounded up.
    fn frames(ms: u64) -> usize {
        samples(ms).div_ceil(FRAME as u64) as usize
    }

    fn picture(parts: &[(char, usize)]) -> Frames {
        Frames::drawn(&parts.iter().map(|(c, n)| c.to_string().repeat(*n)).collect::<String>())
    }

    fn span_frames(start: usize, end: usize) -> Span {
        Span {
            start: (start * FRAME) as u64,
            end: (end * FRAME) as u64,
        }
    }

    #[test]
    fn clicks_are_no_speech_and_short_pauses_do_not_end_it() {
        let clicks = picture(&[('.', 20), ('#', 1), ('.', 30), ('#', 2), ('.', 30)]);
        let pause = picture(&[('.', 50), ('#', 20), ('.', frames(300)), ('#', 20), ('.', 50)]);
        let apart = picture(&[('.', 50), ('#', 20), ('.', frames(900)), ('#', 20), ('.', 50)]);

        assert_eq!(clicks.speech(), []);
        assert_eq!(pause.speech().len(), 1);
        assert_eq!(apart.speech().len(), 2);
    }

    #[test]
    fn speech_is_padded_but_never_beyond_the_track() {
        let middle = picture(&[('.', 50), ('#', 20), ('.', 50)]);
        let whole = picture(&[('#', 20)]);

        let speech = span_frames(50, 70);
        assert_eq!(
            middle.speech(),
            [Span {
                start: speech.start - PADDING,
                end: speech.end + PADDING
            }]
        );
        assert_eq!(whole.speech(), [span_frames(0, 20)]);
    }

    #[test]
    fn the_quietest_place_is_found_within_the_stretch_asked_for() {
        let frames = Frames::drawn(".###-###.");

        assert_eq!(frames.quietest(span_frames(1, 8)), Some(4 * 256 + 128));
        assert_eq!(frames.quietest(span_frames(5, 8)), Some(5 * 256 + 128));
        assert_eq!(frames.quietest(Span { start: 300, end: 500 }), None);
    }

    #[test]
    fn silence_and_noise_are_no_speech_however_they_are_handed_over() {
        let mut noise = 1_u32;
        let mut next = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let hiss: Vec<i16> = (0..48_000).map(|_| (next() * 160.0) as i16).collect();
        let hostile = [i16::MIN, i16::MAX, 0, -1, 1].repeat(100);

        for part in [1, 100, 256, 48_000] {
            let mut scorer = FrameScorer::default();
            hiss.chunks(part).for_each(|pcm| scorer.push(pcm));
            scorer.push(&hostile);
            let frames = scorer.finish();

            assert_eq!(frames.samples, 48_500);
            assert_eq!(frames.levels.len(), 48_500_usize.div_ceil(FRAME));
            assert!(
                frames.levels[..100].iter().all(|db| (-55..-45).contains(db)),
                "{:?}",
                &frames.levels[..5]
            );
            assert!(frames.speech().iter().all(|s| s.end > 47_000), "{:?}", frames.speech());
        }
    }

    #[test]
    fn an_empty_track_holds_no_speech() {
        let frames = FrameScorer::default().finish();

        assert_eq!(frames.speech(), []);
        assert_eq!(frames.quietest(Span { start: 0, end: 1000 }), None);
    }
}
