//! The files of the repository, without build output and data.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that no commit contains: build output, data of a stack on this machine, packages of the web page.
const NOT_COMMITTED: [&str; 4] = [".git", "target", "data", "node_modules"];

/// A folder and the paths of all files in it, relative to it.
pub struct Repository {
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Repository {
    pub fn of_this_workspace() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        Self::at(root.expect("the package is a folder of the workspace"))
    }

    pub fn at(root: &Path) -> Self {
        let mut files = Vec::new();
        collect(root, Path::new(""), &mut files);
        files.sort();
        Self {
            root: root.to_owned(),
            files,
        }
    }

    pub fn markdown_files(&self) -> Vec<PathBuf> {
        let is_markdown = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "md");
        self.files.iter().filter(is_markdown).cloned().collect()
    }

    /// Returns the text of a file.
    ///
    /// # Panics
    /// If the file cannot be read as UTF-8.
    pub fn read(&self, file: &Path) -> String {
        fs::read_to_string(self.root.join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// Returns whether a file or folder exists at this path, which may contain `..`.
    pub fn contains(&self, path: &Path) -> bool {
        let path = normalize(path);
        path.as_os_str().is_empty() || self.files.iter().any(|file| file.starts_with(&path))
    }

    /// Returns whether a file with this name exists in any folder.
    pub fn contains_name(&self, name: &str) -> bool {
        self.files
            .iter()
            .any(|file| file.file_name().is_some_and(|found| found == name))
    }

    /// Returns whether the first part of `path` is a folder at the root.
    pub fn starts_with_a_folder(&self, path: &str) -> bool {
        let first = path.split('/').next().unwrap_or_default();
        !first.is_empty() && self.files.iter().any(|file| file.starts_with(first))
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(root.join(folder)).expect("a folder of the repository can be read");
    for entry in entries {
        let entry = entry.expect("an entry of a folder can be read");
        let path = folder.join(entry.file_name());
        let is_folder = entry.file_type().expect("an entry has a type").is_dir();
        if NOT_COMMITTED.iter().any(|name| entry.file_name() == *name) {
            continue;
        } else if is_folder {
            collect(root, &path, files);
        } else {
            files.push(path);
        }
    }
}

/// Resolves `.` and `..` without asking the file system; `..` at the root leaves a path that does not exist.
pub fn normalize(path: &Path) -> PathBuf {
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    for part in path.iter() {
        match part.to_str() {
            Some(".") => {}
            Some("..") if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_resolved_and_a_way_out_of_the_repository_stays_visible() {
        let cases = [
            ("docs/adr/../api.md", "docs/api.md"),
            ("./setup.sh", "setup.sh"),
            ("docs/../..", ".."),
        ];

        for (path, expected) in cases {
            assert_eq!(normalize(Path::new(path)), Path::new(expected), "{path}");
        }
    }
}
