//! Checks that `docs/configuration.md` is up to date. Everything between `<!-- begin … -->` and `<!-- end -->` is generated
//! from the command line and the templates; the text around it is written by hand.
//!
//! | block | content |
//! |---|---|
//! | `settings COMMAND` | a table of the variables and flags of a subcommand; without one, of all of them |
//! | `help COMMAND` | what `trackscribe COMMAND --help` prints |
//! | `file PATH` | a file of the repository |
//! | `env` | `.env`, as `trackscribe up` writes it |

mod command_line;
mod env;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

const UPDATE: &str = "UPDATE_DOCS";

const HOW_TO_UPDATE: &str = "UPDATE_DOCS=1 cargo test -p trackscribe reference";

const BEGIN: &str = "<!-- begin ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end -->";

#[test]
fn the_configuration_reference_is_up_to_date() {
    let path = root().join("docs/configuration.md");
    let committed = fs::read_to_string(&path).unwrap();

    let generated = fill(&committed, generate).unwrap();

    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, generated).unwrap();
    } else if generated != committed {
        let changed = generated.lines().zip(committed.lines()).find(|(new, old)| new != old);
        panic!("docs/configuration.md is out of date; run `{HOW_TO_UPDATE}`. The first difference: {changed:?}");
    }
}

fn root() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the package is a folder of the workspace")
}

fn generate(block: &str) -> Result<String> {
    let words: Vec<&str> = block.split(' ').collect();
    match words.as_slice() {
        ["settings", command @ ..] => command_line::settings(command),
        ["help", command @ ..] => Ok(fence("text", &command_line::help(command)?)),
        ["file", path] => Ok(fence("yaml", &fs::read_to_string(root().join(path))?)),
        ["env"] => Ok(fence("sh", &env::example()?)),
        _ => bail!("no block is called {block}"),
    }
}

fn fence(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```", text.trim_end())
}

/// Replaces the content of every block.
fn fill(page: &str, content: impl Fn(&str) -> Result<String>) -> Result<String> {
    let mut filled = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (block, after) = after.split_once(BEGIN_END).context("a block has no name")?;
        let (_old, after) = after
            .split_once(END)
            .with_context(|| format!("the block {block} has no end"))?;
        filled += &format!("{before}{BEGIN}{block}{BEGIN_END}\n{}\n{END}", content(block)?);
        rest = after;
    }
    Ok(filled + rest)
}

#[test]
fn the_content_of_blocks_is_replaced_and_everything_else_stays() {
    let page = "# A\n<!-- begin x -->\nold\n<!-- end -->\nB\n<!-- begin y z --><!-- end -->\n";

    let filled = fill(page, |block| Ok(format!("new {block}"))).unwrap();

    let expected = "# A\n<!-- begin x -->\nnew x\n<!-- end -->\nB\n<!-- begin y z -->\nnew y z\n<!-- end -->\n";
    assert_eq!(filled, expected);
    assert_eq!(fill(&filled, |block| Ok(format!("new {block}"))).unwrap(), expected);
    assert!(fill("<!-- begin x -->", |_| Ok(String::new())).is_err());
}
