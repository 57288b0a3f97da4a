//! WebM files with Opus, as browsers and hosted platforms record them. Made by ffmpeg, so that no code of ours is involved.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use super::SAMPLE_RATE;

/// Encodes a mono sound at 48 kHz into a WebM file whose times begin at `offset`.
///
/// # Panics
/// When ffmpeg is missing or fails.
pub fn webm(sound: &[f32], offset: Duration) -> Vec<u8> {
    let rate = SAMPLE_RATE.to_string();
    let offset = format!("{:.3}", offset.as_secs_f64());
    let input = ["-v", "error", "-f", "f32le", "-ar", &rate, "-ac", "1", "-i", "-"];
    let output = ["-c:a", "libopus", "-output_ts_offset", &offset, "-f", "webm", "-"];
    let mut ffmpeg = Command::new("ffmpeg")
        .args(input.iter().chain(&output))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed by scripts/install-deps.sh tests");
    let bytes: Vec<u8> = sound.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut stdin = ffmpeg.stdin.take().expect("stdin is piped");
    let writer = std::thread::spawn(move || stdin.write_all(&bytes));
    let made = ffmpeg.wait_with_output().expect("ffmpeg can be waited for");
    writer
        .join()
        .expect("the writer does not panic")
        .expect("ffmpeg reads everything");
    assert!(made.status.success(), "ffmpeg cannot encode a WebM file");
    made.stdout
}
