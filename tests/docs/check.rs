//! The rules.
//!
//! - A link without a scheme names a file or folder, relative to the file it is in, and an anchor names a heading.
//! - Text in back-ticks that contains `/` is a path from the repository's root, or from the folder of the file that
//!   names it, or from that folder's `src`. `{a,b}` stands for both. `*` and `NAME` stand for any name, so the folder
//!   before them must exist.
//! - Text in back-ticks that is a file name (see [`FILE_EXTENSIONS`]) is the name of a file in some folder.
//! - In a command, only words that begin with `./` or with a folder of the repository's root are paths. In a commit's
//!   title, the word before the colon is not.
//! - Not a path: what begins with `/`, what names a scheme, what [`NOT_PATHS`] lists, and what is made at run time
//!   ([`MADE_LATER`]).

use std::path::{Path, PathBuf};

use crate::{
    mention::{Mention, Target, anchors, mentions},
    repository::{Repository, normalize},
};

/// Texts with a slash that are not paths. Add to it what a page needs.
const NOT_PATHS: [&str; 7] = [
    "application/json",
    "application/problem+json",
    "application/x-subrip",
    "audio/ogg",
    "text/plain",
    "text/vtt",
    "recordings/{room}/{meeting_id}/{identity}/{track_id}-{egress_id}.ogg",
];

/// Beginnings of paths that exist only after a build or a start.
const MADE_LATER: [&str; 3] = ["target/", "data/", "~/"];

/// Beginnings of links from the repository's front page to other pages of its code host, such as the badge of a workflow.
const CODE_HOST_PAGES: [&str; 1] = ["../../actions/"];

/// Extensions of files in the repository that pages name without their folder.
const FILE_EXTENSIONS: [&str; 9] = ["md", "py", "rs", "sh", "sql", "svg", "toml", "yaml", "yml"];

pub struct Checker<'a> {
    repository: &'a Repository,
}

impl<'a> Checker<'a> {
    pub fn new(repository: &'a Repository) -> Self {
        Self { repository }
    }

    /// Returns a line `file:line: path …` for everything that the file names and that does not exist.
    pub fn problems(&self, file: &Path) -> Vec<String> {
        let wrong = mentions(&self.repository.read(file))
            .into_iter()
            .filter_map(|Mention { line, target }| {
                let problem = self.check(file, &target).err()?;
                Some(format!("{}:{line}: {problem}", file.display()))
            });
        wrong.collect()
    }

    fn check(&self, file: &Path, target: &Target) -> Result<(), String> {
        match target {
            Target::Link(link) => self.check_link(file, link),
            Target::Code(text) if text.contains('/') => self.check_path(file, text),
            Target::Code(name) => self.check_name(name),
            Target::Word(word) if self.is_path_in_a_command(word) => self.check_path(file, word),
            Target::Word(_) => Ok(()),
        }
    }

    fn check_link(&self, file: &Path, link: &str) -> Result<(), String> {
        if has_scheme(link) || CODE_HOST_PAGES.iter().any(|start| link.starts_with(start)) {
            return Ok(());
        }
        let (path, anchor) = link
            .split_once('#')
            .map_or((link, None), |(path, anchor)| (path, Some(anchor)));
        let target = if path.is_empty() {
            file.to_owned()
        } else {
            normalize(&folder(file).join(path))
        };
        if !self.repository.contains(&target) {
            return Err(format!("the link {link} leads nowhere"));
        }
        match anchor {
            Some(anchor) if !anchors(&self.repository.read(&target)).iter().any(|a| a == anchor) => {
                Err(format!("the link {link} names no heading of {}", target.display()))
            }
            _ => Ok(()),
        }
    }

    fn check_path(&self, file: &Path, text: &str) -> Result<(), String> {
        let path = text.strip_prefix("./").unwrap_or(text);
        let is_made_later = |path: &str| MADE_LATER.iter().any(|start| format!("{path}/").starts_with(start));
        if path.starts_with('/') || has_scheme(path) || is_made_later(path) || NOT_PATHS.contains(&path) {
            return Ok(());
        }
        let wrong = expand(path).into_iter().find(|path| !self.exists(file, path));
        wrong.map_or(Ok(()), |path| Err(format!("the path {path} does not exist")))
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
        let is_file = extension.is_some_and(|extension| FILE_EXTENSIONS.contains(&extension));
        if is_file && !name.starts_with(['*', '.']) && !self.repository.contains_name(name) {
            return Err(format!("no file is named {name}"));
        }
        Ok(())
    }

    fn exists(&self, file: &Path, path: &str) -> bool {
        let path = before_placeholder(path);
        let folder = folder(file);
        [PathBuf::new(), folder.to_owned(), folder.join("src")]
            .iter()
            .any(|base| self.repository.contains(&base.join(&path)))
    }

    fn is_path_in_a_command(&self, word: &str) -> bool {
        let is_path = word.starts_with("./") || (word.contains('/') && self.repository.starts_with_a_folder(word));
        is_path && !word.ends_with(':')
    }
}

/// Returns the parts of a path before the first one that stands for any name.
fn before_placeholder(path: &str) -> PathBuf {
    let is_placeholder = |part: &str| part.contains('*') || part.split('.').next() == Some("NAME");
    path.split('/').take_while(|part| !is_placeholder(part)).collect()
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn has_scheme(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// Expands `a/{b,c}/d` to `a/b/d` and `a/c/d`. Braces without a comma are left as they are.
fn expand(path: &str) -> Vec<String> {
    let braces = path.split_once('{').and_then(|(before, rest)| {
        let (inside, after) = rest.split_once('}')?;
        inside.contains(',').then_some((before, inside, after))
    });
    match braces {
        Some((before, inside, after)) => inside
            .split(',')
            .flat_map(|name| expand(&format!("{before}{}{after}", name.trim())))
            .collect(),
        None => vec![path.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns the problems of a page at `path` in a small repository.
    fn problems(path: &str, page: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("worker/src/queue.rs", ""),
            ("crates/platform/src/verify.rs", ""),
            ("crates/platform/src/event.rs", ""),
            ("docs/api.md", "# Errors and pages\n"),
            ("target/debug/built.md", "[no](no.md)"),
            (path, page),
        ];
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Checker::new(&Repository::at(folder.path())).problems(Path::new(path))
    }

    #[test]
    fn full_paths_braces_folders_and_names_are_accepted() {
        let page = "`worker/src/queue.rs`, `crates/platform/src/{verify,event}.rs`, `worker/src/`, `docs/*.md`, \
                    `worker/src/NAME.rs`, `queue.rs`";

        assert_eq!(problems("README.md", page), Vec::<String>::new());
    }

    #[test]
    fn a_path_that_does_not_exist_is_named_with_file_and_line() {
        let page = "first\n`worker/src/relay.rs`, `worker/tests/NAME.rs` and `crates/platform/src/{verify,wire}.rs`\n`room/join.rs` `old.rs`";

        assert_eq!(
            problems("docs/page.md", page),
            [
                "docs/page.md:2: the path worker/src/relay.rs does not exist",
                "docs/page.md:2: the path worker/tests/NAME.rs does not exist",
                "docs/page.md:2: the path crates/platform/src/wire.rs does not exist",
                "docs/page.md:3: the path room/join.rs does not exist",
                "docs/page.md:3: no file is named old.rs",
            ]
        );
    }

    #[test]
    fn links_are_relative_to_their_file_and_anchors_name_headings() {
        let page = "[a](api.md#errors-and-pages) [b](../worker) [c](#here) [d](https://example.org/x)\n# Here";
        let wrong = "[a](docs/api.md) [b](api.md#nothing) [c](../../outside.md)";

        assert_eq!(problems("docs/page.md", page), Vec::<String>::new());
        assert_eq!(
            problems("docs/page.md", wrong),
            [
                "docs/page.md:1: the link docs/api.md leads nowhere",
                "docs/page.md:1: the link api.md#nothing names no heading of docs/api.md",
                "docs/page.md:1: the link ../../outside.md leads nowhere",
            ]
        );
    }

    #[test]
    fn a_crates_readme_names_its_own_files() {
        assert_eq!(
            problems("worker/README.md", "`src/queue.rs`, `queue.rs`"),
            Vec::<String>::new()
        );
        assert_eq!(
            problems("worker/README.md", "`src/relay.rs`"),
            ["worker/README.md:1: the path src/relay.rs does not exist"]
        );
    }

    #[test]
    fn what_only_looks_like_a_path_is_left_alone() {
        let page = "`/v1/rooms`, `application/problem+json`, `wss://host/x`, `./data`, `target/demo/trackscribe`, \
                    `curl -H 'Accept: text/vtt'`, `worker/jobs: Retry later`, `GET /v1/meetings/{id}`, `TrackEgress`, `media::timeline`";

        assert_eq!(problems("README.md", page), Vec::<String>::new());
    }

    #[test]
    fn the_paths_of_a_command_are_checked() {
        assert_eq!(
            problems("README.md", "`worker/run.sh --all x/y` `./setup.sh --demo`"),
            [
                "README.md:1: the path worker/run.sh does not exist",
                "README.md:1: the path setup.sh does not exist",
            ]
        );
    }
}
