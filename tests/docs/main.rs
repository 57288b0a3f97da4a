//! Checks that the documentation names only what exists: every link and every path in every Markdown file.
//!
//! The rules are in [`check`]. A path is written in full, from the repository's root, or in a crate's README from that
//! crate's folder or its `src`.

mod check;
mod mention;
mod repository;

use check::Checker;
use repository::Repository;

#[test]
fn every_link_and_path_in_the_documentation_exists() {
    let repository = Repository::of_this_workspace();
    let checker = Checker::new(&repository);

    let files = repository.markdown_files();
    let problems: Vec<String> = files.iter().flat_map(|file| checker.problems(file)).collect();

    assert!(files.iter().any(|file| file.ends_with("ARCHITECTURE.md")), "{files:?}");
    assert!(
        problems.is_empty(),
        "{} wrong links or paths; write paths in full, from the repository's root:\n{}",
        problems.len(),
        problems.join("\n")
    );
}
