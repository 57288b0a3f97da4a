//! Voice activity detection: finds the spans of a track in which someone speaks.

use earshot::Detector;
use media::opus::decode::SampleTime16k;

use super::Span;

/// Samples per frame that the detector scores: 16 ms.
pub const FRAME: usize = 256;

/// Score from which a frame counts as speech. At 0.3, low noise passes; at 0.7, quiet voices are lost.
const THRESHOLD: f32 = 0.5;

/// Speech begins where this many of [`WINDOW`] frames in a row are speech. Clicks are shorter.
const FRAMES_ON: usize = 3;
const WINDOW: usize = 5;

/// Longest pause within speech, such as a stop consonant or a breath.
const HANGOVER: SampleTime16k = SampleTime16k::from_millis(400);

/// Added before and after speech, because the detector reacts late to soft first sounds.
const PADDING: SampleTime16k = SampleTime16k::from_millis(200);

/// Speech that is shorter, before padding, is dropped.
const MIN_SPEECH: SampleTime16k = SampleTime16k::from_millis(100);

/// Lowest level in dBFS, which is also that of silence.
const FLOOR_DB: f32 = -100.0;

/// The scores of a track: two bytes per frame of 16 ms, half a megabyte per hour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frames {
    /// Whether each frame is speech, before smoothing.
    voiced: Vec<bool>,
    /// Level of each frame in dBFS, -100 to 0.
    levels: Vec<i8>,
    /// Length of the track.
    length: SampleTime16k,
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
    /// Adds the next samples of the track, any number of them.
    pub fn push(&mut self, mut pcm: &[i16]) {
        self.frames.length += SampleTime16k::from_len(pcm.len());
        while !pcm.is_empty() {
            let (now, later) = pcm.split_at(pcm.len().min(FRAME - self.pending.len()));
            self.pending.extend(now);
            if self.pending.len() == FRAME {
                self.score();
            }
            pcm = later;
        }
    }

    /// Returns the scores of the whole track. The last frame is padded with silence.
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
    /// Returns the spans of speech in order, padded and disjoint.
    pub fn speech(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for span in self.runs().into_iter().filter(|s| s.len() >= MIN_SPEECH) {
            let padded = Span {
                start: span.start - PADDING,
                end: (span.end + PADDING).min(self.length),
            };
            match spans.last_mut() {
                Some(last) if padded.start <= last.end => last.end = padded.end,
                _ => spans.push(padded),
            }
        }
        spans
    }

    /// Returns the middle of the quietest frame that is wholly within `span`, the first if several are equal; `None` if
    /// no frame is.
    pub fn quietest(&self, span: Span) -> Option<SampleTime16k> {
        let frame = FRAME as u64;
        let (first, end) = (
            span.start.0.div_ceil(frame),
            (span.end.0 / frame).min(self.levels.len() as u64),
        );
        let quietest = (first..end).min_by_key(|&i| self.levels[i as usize])?;
        Some(SampleTime16k(quietest * frame + frame / 2))
    }

    /// Returns the smoothed spans of speech, not padded.
    fn runs(&self) -> Vec<Span> {
        let mut runs: Vec<Span> = Vec::new();
        for (i, window) in self.voiced.windows(WINDOW).enumerate() {
            if window.iter().filter(|v| **v).count() < FRAMES_ON {
                continue;
            }
            let voiced = |from: usize| window.iter().skip(from).position(|v| *v).map_or(0, |p| p + from);
            let first = i + voiced(0);
            let last = i + WINDOW - window.iter().rev().position(|v| *v).unwrap_or(0);
            let span = frame_span(first, last);
            match runs.last_mut() {
                Some(run) if span.start <= run.end + HANGOVER => run.end = run.end.max(span.end),
                _ => runs.push(span),
            }
        }
        runs
    }
}

/// Returns the span of the frames from `first` up to, not including, `end`.
fn frame_span(first: usize, end: usize) -> Span {
    Span {
        start: SampleTime16k::from_len(first * FRAME),
        end: SampleTime16k::from_len(end * FRAME),
    }
}

/// Returns the root mean square in dBFS, rounded.
fn level(frame: &[i16]) -> i8 {
    let power = frame.iter().map(|s| (f32::from(*s) / 32_768.0).powi(2)).sum::<f32>() / frame.len() as f32;
    (10.0 * power.log10()).clamp(FLOOR_DB, 0.0).round() as i8
}

#[cfg(test)]
impl Frames {
    /// Builds frames from a string, one character per frame: `#` loud speech, `-` quiet speech, `.` silence.
    pub fn drawn(picture: &str) -> Self {
        let level = |c| match c {
            '#' => -20,
            '-' => -40,
            _ => -100,
        };
        Self {
            voiced: picture.chars().map(|c| c != '.').collect(),
            levels: picture.chars().map(level).collect(),
            length: SampleTime16k::from_len(picture.len() * FRAME),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of frames in `ms`, rounded up.
    fn frames(ms: u64) -> usize {
        SampleTime16k::from_millis(ms).0.div_ceil(FRAME as u64) as usize
    }

    fn picture(parts: &[(char, usize)]) -> Frames {
        Frames::drawn(&parts.iter().map(|(c, n)| c.to_string().repeat(*n)).collect::<String>())
    }

    #[test]
    fn clicks_are_not_speech_and_short_pauses_do_not_end_it() {
        let clicks = picture(&[('.', 20), ('#', 1), ('.', 30), ('#', 2), ('.', 30)]);
        let pause = picture(&[('.', 50), ('#', 20), ('.', frames(300)), ('#', 20), ('.', 50)]);
        let apart = picture(&[('.', 50), ('#', 20), ('.', frames(900)), ('#', 20), ('.', 50)]);

        assert_eq!(clicks.speech(), []);
        assert_eq!(pause.speech().len(), 1);
        assert_eq!(apart.speech().len(), 2);
    }

    #[test]
    fn speech_is_padded_but_not_beyond_the_track() {
        let middle = picture(&[('.', 50), ('#', 20), ('.', 50)]);
        let whole = picture(&[('#', 20)]);

        let speech = frame_span(50, 70);
        assert_eq!(
            middle.speech(),
            [Span {
                start: speech.start - PADDING,
                end: speech.end + PADDING
            }]
        );
        assert_eq!(whole.speech(), [frame_span(0, 20)]);
    }

    #[test]
    fn the_quietest_frame_is_found_within_the_span() {
        let frames = Frames::drawn(".###-###.");

        assert_eq!(frames.quietest(frame_span(1, 8)), Some(SampleTime16k(4 * 256 + 128)));
        assert_eq!(frames.quietest(frame_span(5, 8)), Some(SampleTime16k(5 * 256 + 128)));
        let within_a_frame = Span {
            start: SampleTime16k(300),
            end: SampleTime16k(500),
        };
        assert_eq!(frames.quietest(within_a_frame), None);
    }

    #[test]
    fn noise_is_not_speech_however_it_is_divided() {
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

            assert_eq!(frames.length, SampleTime16k(48_500));
            assert_eq!(frames.levels.len(), 48_500_usize.div_ceil(FRAME));
            assert!(
                frames.levels[..100].iter().all(|db| (-55..-45).contains(db)),
                "{:?}",
                &frames.levels[..5]
            );
            assert!(
                frames.speech().iter().all(|s| s.end > SampleTime16k(47_000)),
                "{:?}",
                frames.speech()
            );
        }
    }

    #[test]
    fn an_empty_track_has_no_speech() {
        let frames = FrameScorer::default().finish();

        assert_eq!(frames.speech(), []);
        assert_eq!(frames.quietest(Span::from_millis(0, 1000)), None);
    }
}
