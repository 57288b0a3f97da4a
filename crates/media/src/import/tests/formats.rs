//! Files of every format, made by ffmpeg.

use super::support::{CHIRPS, Imported, SAMPLES, assert_near, chirps, fixture, import};
use crate::import::{ImportError, SourceCodec};

/// One tick of 1 ms.
const TICK: i64 = 48;

fn at(offset: i64) -> [i64; 3] {
    CHIRPS.map(|chirp| chirp as i64 + offset)
}

fn imported(file: &[u8]) -> Imported {
    let imported = import(file).unwrap();
    assert_eq!(imported.summary.damage, None);
    assert_eq!(imported.summary.counts.malformed, 0);
    imported
}

/// A WAV file with the sound of the fixtures at a lower rate.
fn wav(rate: usize, channels: u16) -> Vec<u8> {
    let sound = chirps();
    let frames = SAMPLES * rate / 48_000;
    let samples = (0..frames).flat_map(|n| {
        // the chirps end at 3 kHz, so linear interpolation is good enough
        let at = n as f64 * 48_000.0 / rate as f64;
        let (index, part) = (at as usize, at.fract());
        let next = *sound.get(index + 1).unwrap_or(&0);
        let sample = f64::from(sound[index]) * (1.0 - part) + f64::from(next) * part;
        std::iter::repeat_n((sample as i16).to_le_bytes(), channels.into())
    });
    let data: Vec<u8> = samples.flatten().collect();
    let (rate, size) = (rate as u32, data.len() as u32);
    let block = channels * 2;
    let mut file = Vec::new();
    file.extend(
        [
            &b"RIFF"[..],
            &(size + 36).to_le_bytes(),
            b"WAVEfmt ",
            &16_u32.to_le_bytes(),
        ]
        .concat(),
    );
    file.extend([1_u16.to_le_bytes(), channels.to_le_bytes()].concat());
    file.extend([rate.to_le_bytes(), (rate * u32::from(block)).to_le_bytes()].concat());
    file.extend([block.to_le_bytes(), 16_u16.to_le_bytes()].concat());
    file.extend([&b"data"[..], &size.to_le_bytes(), &data].concat());
    file
}

#[test]
fn webm_with_opus() {
    let imported = imported(fixture!("chirps.webm"));

    assert_near(&imported.chirps(), &at(0), TICK);
    assert_eq!(imported.summary.codec, SourceCodec::Opus);
    assert_eq!(imported.gaps(), []);
}

#[test]
fn webm_that_begins_after_the_recording() {
    let imported = imported(fixture!("offset.webm"));

    // ffmpeg wrote the delay of its encoder, 6.5 ms, twice
    assert_near(&imported.chirps(), &at(120_000 - 312), TICK);
}

#[test]
fn webm_with_a_hole() {
    let imported = imported(fixture!("hole.webm"));

    assert_near(&imported.chirps(), &at(0), TICK);
    let [(start, length)] = imported.gaps()[..] else {
        panic!("{:?}", imported.gaps());
    };
    assert_near(&[start, length], &[994 * 48, 400 * 48], 120);
}

#[test]
fn mp4_with_opus() {
    let imported = imported(fixture!("opus.mp4"));

    assert_eq!(imported.summary.codec, SourceCodec::Opus);
    assert_near(&imported.chirps(), &at(0), 3);
}

#[test]
fn mp4_with_aac_whose_edit_list_removes_the_delay() {
    let imported = imported(fixture!("chirps.mp4"));

    assert_eq!(imported.summary.codec, SourceCodec::Aac);
    assert_near(&imported.chirps(), &at(0), 1);
}

#[test]
fn matroska_with_aac_and_a_hole() {
    let imported = imported(fixture!("hole.mkv"));

    // ffmpeg does not write the delay of its AAC encoder into Matroska
    assert_near(&imported.chirps(), &at(1024), TICK);
    let [(start, length)] = imported.gaps()[..] else {
        panic!("{:?}", imported.gaps());
    };
    assert_near(&[start, length], &[49_000, 19_000], 2_048);
    let hole = (start - imported.summary.start.0) as usize;
    let sound = imported.sound();
    assert!(
        sound[hole + 2_048..hole + 16_000]
            .iter()
            .all(|sample| sample.abs() < 0.001)
    );
}

#[test]
fn adts_whose_delay_is_not_known() {
    let imported = imported(fixture!("chirps.aac"));

    assert_near(&imported.chirps(), &at(1024), 1);
}

#[test]
fn the_audio_of_a_matroska_file_that_begins_with_video() {
    let imported = imported(fixture!("video-first.mkv"));

    assert_eq!(imported.summary.codec, SourceCodec::Aac);
    assert_near(&imported.chirps(), &at(1024), 1024);
}

#[test]
fn wav_at_any_rate() {
    for (rate, channels) in [(8_000, 1), (16_000, 1), (44_100, 2), (48_000, 1), (48_000, 6)] {
        let imported = imported(&wav(rate, channels));

        assert_eq!(imported.summary.codec, SourceCodec::Pcm);
        assert_near(&imported.chirps(), &at(0), 2);
        assert_eq!(imported.summary.start.0, -312);
    }
}

#[test]
fn what_is_no_single_audio_stream_is_refused_with_the_reason() {
    let error = |file: &[u8]| import(file).map(drop).unwrap_err();

    assert!(matches!(error(b""), ImportError::Empty));
    assert!(matches!(error(b"hello, this is text"), ImportError::UnknownFormat));
    assert!(matches!(
        error(b"OggS\0\x02\0\0\0\0\0\0\0\0"),
        ImportError::UnknownFormat
    ));
    assert!(matches!(
        error(fixture!("two-streams.webm")),
        ImportError::SeveralAudioStreams(2)
    ));
    assert!(matches!(error(fixture!("video-only.mkv")), ImportError::NoAudio));
    assert!(matches!(error(fixture!("vorbis.webm")), ImportError::Codec(_)));
}
