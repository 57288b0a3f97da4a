//! Runs one row and checks its results.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_trackscribe");

/// How much a figure of a row may exceed its limit on a busy machine.
const MARGIN: f64 = 2.0;

/// Tracks further apart than this are wrong on any machine.
const MAX_APART_MS: f64 = 50.0;

/// What a row may lose here: hard bounds, looser than its figures.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub heard_before_ms: f64,
    pub missing_ms: f64,
    pub again_ms: f64,
}

/// Plays a row in its short form.
pub fn play(name: &str, bounds: Bounds) {
    let data = DataFolder(tempfile::tempdir().unwrap());
    let json = data.0.path().join("faults.json");
    let mut command = Command::new(BINARY);
    command
        .args(["bench", "faults", "--only", name, "--data-dir"])
        .arg(data.0.path());
    command.arg("--json").arg(&json);
    for (name, _) in std::env::vars().filter(|(name, _)| name.contains("STORAGE") || name.starts_with("LIVEKIT_")) {
        command.env_remove(name);
    }

    let output = command.output().unwrap();

    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    println!("{text}");
    let reports: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    check(&reports[0], bounds, &text);
}

fn check(report: &Value, bounds: Bounds, text: &str) {
    assert_eq!(report["problems"], Value::Array(Vec::new()), "{text}");
    assert!(report["files"].as_u64().unwrap() <= 1, "{text}");
    let worst = |name: &str| report[name]["worst"].as_f64().unwrap();
    assert!(worst("heard_before_ms") <= bounds.heard_before_ms, "{text}");
    assert!(worst("missing_ms") <= bounds.missing_ms, "{text}");
    assert!(worst("again_ms") <= bounds.again_ms, "{text}");
    assert!(report["apart_ms"].as_f64().unwrap() <= MAX_APART_MS, "{text}");
    for figure in report["figures"].as_array().unwrap() {
        // A value that is not a number was never reached.
        let value = figure["value"].as_f64().unwrap_or(f64::INFINITY);
        assert!(value <= figure["limit"].as_f64().unwrap() * MARGIN, "{figure}: {text}");
    }
}

/// A data folder that is deleted with the test, together with PostgreSQL's folder outside it.
struct DataFolder(tempfile::TempDir);

impl Drop for DataFolder {
    fn drop(&mut self) {
        if let Ok(postgres) = fs::read_to_string(self.0.path().join("postgres.location"))
            && let Some(folder) = PathBuf::from(postgres.trim()).parent()
        {
            fs::remove_dir_all(folder).ok();
        }
    }
}
