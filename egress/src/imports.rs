//! Checks that the modules of this crate import only modules below them, so that they can be read from the bottom up.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The top-level modules, from the bottom up. A module may import only from lower layers.
const LAYERS: [&[&str]; 8] = [
    &["clock", "critical", "failure", "faults", "metrics", "probe"],
    &["spool"],
    &["psrpc", "room"],
    &["config"],
    &["upload"],
    &["session"],
    &["control", "health"],
    &["run"],
];

#[test]
fn modules_import_only_modules_of_lower_layers() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut imports = 0;

    for file in source_files(&src) {
        let module = module_of(file.strip_prefix(&src).unwrap());
        let Some(layer) = layer_of(&module) else { continue };
        for imported in imported_modules(&fs::read_to_string(&file).unwrap()) {
            let lower = layer_of(&imported).is_some_and(|other| other < layer);
            assert!(lower || imported == module, "{} imports {imported}", file.display());
            imports += 1;
        }
    }

    assert!(imports > 50, "found only {imports} imports");
}

#[test]
fn imports_are_found_alone_in_groups_and_in_paths() {
    let text = "use crate::clock::now;\nuse crate::{\n    config::{A, B},\n    room::C, spool,\n};\n\
        fn f() { crate::run::run() }";

    assert_eq!(imported_modules(text), ["clock", "config", "room", "spool", "run"]);
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { source_files(&path) } else { vec![path] })
        .collect()
}

/// `session/run.rs` belongs to `session`, `run.rs` to `run`.
fn module_of(path: &Path) -> String {
    let first = Path::new(path.iter().next().unwrap());
    first.with_extension("").display().to_string()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The names after `crate::`, and the first names of the items in `crate::{…}`.
fn imported_modules(text: &str) -> Vec<String> {
    let imports = text.split("crate::").skip(1);
    imports
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => group_items(group),
            None => vec![first_name(rest)],
        })
        .collect()
}

/// The first names of the items of a group, whose opening brace has been read.
fn group_items(group: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut depth = 0;
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(String::new()),
            c if depth == 0 && !c.is_whitespace() => items.last_mut().expect("never empty").push(c),
            _ => {}
        }
    }
    let names = items.iter().map(|item| first_name(item));
    names.filter(|name| !name.is_empty()).collect()
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
