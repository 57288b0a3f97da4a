//! The core is sans-IO: its modules import neither the driver nor tokio, and no sockets.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Modules that may do IO, in `src/`.
const SHELL: [&str; 5] = [
    "driver",
    "publisher/handle.rs",
    "publisher/track.rs",
    "subscriber/handle.rs",
    "lib.rs",
];

/// What the others must not name outside of comments and tests.
const FORBIDDEN: [&str; 6] = [
    "driver",
    "tokio",
    "TcpStream",
    "UdpSocket",
    "std::fs",
    "SystemTime::now",
];

#[test]
fn the_core_names_neither_the_driver_nor_a_runtime_nor_sockets() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<_> = rust_files(&src)
        .into_iter()
        .filter(|file| !SHELL.iter().any(|shell| file.starts_with(src.join(shell))))
        .collect();

    let mut violations = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).expect("source files are readable");
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if FORBIDDEN.iter().any(|word| line.contains(word)) {
                violations.push(format!("{}: {line}", file.display()));
            }
        }
    }

    assert!(files.len() > 20, "the core's files are found");
    assert_eq!(violations, Vec::<String>::new());
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .expect("source folders are readable")
        .map(|entry| entry.expect("source folders are readable").path())
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .collect()
}
