//! Decodes a recording's file in one pass, without holding all of it in memory.

use std::{io::Read, ops::ControlFlow, sync::Arc};

use media::opus::decode::{Block, DecodeError, Decoder, SampleTime16k};

use super::{
    Span,
    vad::{FrameScorer, Frames},
};
use crate::engine::Audio;

/// First pass: scores every frame of an Ogg file for speech and loudness.
pub fn score_frames(ogg: impl Read) -> Result<Frames, DecodeError> {
    let mut scorer = FrameScorer::default();
    for block in Decoder::<_, SampleTime16k>::open(ogg)? {
        scorer.push(&block?.samples);
    }
    Ok(scorer.finish())
}

/// Second pass: passes the samples of each chunk to `each`, in order, until all are done or `each` breaks.
///
/// `chunks` must be in order and must not overlap. Samples beyond the end of the file are silence.
pub fn extract(
    ogg: impl Read,
    chunks: &[Span],
    mut each: impl FnMut(Span, Audio) -> ControlFlow<()>,
) -> Result<(), DecodeError> {
    let mut decoder = Decoder::open(ogg)?;
    let mut pending: Option<Block<SampleTime16k>> = None;
    for chunk in chunks {
        let sound = read_chunk(&mut decoder, &mut pending, *chunk)?;
        if each(*chunk, Arc::from(sound)).is_break() {
            break;
        }
    }
    Ok(())
}

/// Reads the samples of one chunk. A block that extends beyond it stays in `pending` for the next chunk.
fn read_chunk<R: Read>(
    decoder: &mut Decoder<R, SampleTime16k>,
    pending: &mut Option<Block<SampleTime16k>>,
    chunk: Span,
) -> Result<Vec<i16>, DecodeError> {
    let mut sound = vec![0; index(chunk.len())];
    loop {
        let block = match pending.take() {
            Some(block) => block,
            None => match decoder.next_block()? {
                Some(block) => block,
                None => return Ok(sound),
            },
        };
        let end = end(&block);
        copy_overlap(&block, chunk, &mut sound);
        if end >= chunk.end {
            *pending = Some(block);
            return Ok(sound);
        }
    }
}

fn copy_overlap(block: &Block<SampleTime16k>, chunk: Span, sound: &mut [i16]) {
    let from = block.start.max(chunk.start);
    let to = end(block).min(chunk.end);
    if from < to {
        let source = &block.samples[index(from - block.start)..index(to - block.start)];
        sound[index(from - chunk.start)..index(to - chunk.start)].copy_from_slice(source);
    }
}

fn end(block: &Block<SampleTime16k>) -> SampleTime16k {
    block.start + SampleTime16k::from_len(block.samples.len())
}

fn index(position: SampleTime16k) -> usize {
    position.0 as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{Tone, ogg};

    /// Returns the root mean square, 0 to 1.
    fn loudness(sound: &[i16]) -> f32 {
        (sound.iter().map(|s| (f32::from(*s) / 32_768.0).powi(2)).sum::<f32>() / sound.len() as f32).sqrt()
    }

    fn extract_all(file: &[u8], chunks: &[Span]) -> Vec<(Span, Audio)> {
        let mut all = Vec::new();
        let collect = |span, sound| {
            all.push((span, sound));
            ControlFlow::Continue(())
        };
        extract(file, chunks, collect).unwrap();
        all
    }

    #[test]
    fn chunks_contain_the_samples_of_their_span() {
        let file = ogg(&[Tone::silence(1.0), Tone::of(440.0, 1.0), Tone::silence(1.0)]);
        let chunks = [
            Span::from_millis(100, 900),
            Span::from_millis(900, 901),
            Span::from_millis(1_200, 1_800),
            Span::from_millis(1_800, 2_900),
        ];

        let sound = extract_all(&file, &chunks);

        assert_eq!(sound.iter().map(|(s, _)| *s).collect::<Vec<_>>(), chunks);
        assert!(
            sound
                .iter()
                .all(|(s, sound)| SampleTime16k::from_len(sound.len()) == s.len())
        );
        assert!(
            loudness(&sound[0].1) < 0.01 && loudness(&sound[2].1) > 0.1,
            "{}",
            loudness(&sound[2].1)
        );
        assert!(loudness(&sound[3].1[..3000]) > 0.1 && loudness(&sound[3].1[8000..]) < 0.01);
    }

    #[test]
    fn a_chunk_beyond_the_end_is_silence_and_a_break_ends_decoding() {
        let file = ogg(&[Tone::of(440.0, 0.5)]);
        let mut seen = 0;

        let beyond = extract_all(
            &file,
            &[Span::from_millis(100, 60_000), Span::from_millis(60_000, 61_000)],
        );
        let stop = |_, _| {
            seen += 1;
            ControlFlow::Break(())
        };
        extract(
            &file[..],
            &[Span::from_millis(0, 100), Span::from_millis(100, 200)],
            stop,
        )
        .unwrap();

        assert!(beyond[1].1.iter().all(|s| *s == 0));
        assert_eq!(seen, 1);
    }

    #[test]
    fn silence_has_no_speech_and_a_broken_file_is_an_error() {
        let file = ogg(&[Tone::silence(2.0)]);

        assert_eq!(score_frames(&file[..]).unwrap().speech(), []);
        assert!(score_frames(&b"not a recording"[..]).is_err());
        assert!(score_frames(&b""[..]).is_err());
    }
}
