//! Decodes a recording with programs that are not ours.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use super::SAMPLE_RATE;

/// A recording, decoded by ffmpeg.
#[derive(Debug)]
pub struct RecordedFile {
    pub samples: Vec<f32>,
}

impl RecordedFile {
    /// Decodes an Ogg file after checking that ffmpeg, ffprobe and opusdec read all of it without a warning.
    ///
    /// # Panics
    /// When one of them fails or warns.
    pub fn open(ogg: &[u8]) -> Self {
        let file = tempfile::NamedTempFile::with_suffix(".ogg").expect("a temporary file can be created");
        fs::write(file.path(), ogg).expect("a temporary file can be written");
        check_with_other_programs(file.path());
        Self {
            samples: decode(file.path()),
        }
    }

    pub fn duration_ms(&self) -> f64 {
        self.samples.len() as f64 * 1000.0 / SAMPLE_RATE as f64
    }

    /// The samples between two times, in milliseconds after the sample `start`.
    ///
    /// # Panics
    /// When the file is shorter.
    pub fn part(&self, start: usize, ms: std::ops::Range<usize>) -> &[f32] {
        &self.samples[start + ms.start * SAMPLE_RATE / 1000..start + ms.end * SAMPLE_RATE / 1000]
    }
}

fn check_with_other_programs(file: &Path) {
    let path = file.to_str().expect("temporary paths are UTF-8");
    let checks: [(&str, &[&str]); 3] = [
        ("ffmpeg", &["-v", "warning", "-i", path, "-f", "null", "-"]),
        (
            "ffprobe",
            &[
                "-v",
                "warning",
                "-show_entries",
                "format=duration",
                "-of",
                "csv=p=0",
                path,
            ],
        ),
        ("opusdec", &["--quiet", path, "/dev/null"]),
    ];
    for (program, arguments) in checks {
        let output = run(program, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && stderr.trim().is_empty(),
            "{program} rejects the recording: {stderr}"
        );
    }
}

/// Decodes any audio file to mono at 48 kHz.
pub(super) fn decode(file: &Path) -> Vec<f32> {
    let path = file.to_str().expect("temporary paths are UTF-8");
    let output = run(
        "ffmpeg",
        &[
            "-v", "error", "-i", path, "-f", "f32le", "-ac", "1", "-ar", "48000", "-",
        ],
    );
    assert!(
        output.status.success(),
        "ffmpeg cannot decode {path}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
        .stdout
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect()
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot start {program}; install it with scripts/install-deps.sh tests: {error}")
        })
}
