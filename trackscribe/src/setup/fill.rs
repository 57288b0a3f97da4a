//! Fills the YAML templates. A comment `# setup: name` at the end of a line marks its value. Marks are kept, so that a
//! later run finds them in a file that users may have edited.

use std::{collections::BTreeMap, fmt};

use anyhow::{Result, bail};

const MARK: &str = "# setup: ";

/// A scalar of YAML.
#[derive(Clone, Debug)]
pub enum Scalar {
    Text(String),
    Number(u64),
}

/// A filled file, and the names for which it has no mark.
#[derive(Debug)]
pub struct Filled {
    pub text: String,
    pub without_mark: Vec<String>,
}

/// Writes every value at its mark.
///
/// # Errors
/// If a mark is unknown, occurs twice, or is on a line without a value.
pub fn fill(text: &str, values: &BTreeMap<&str, Scalar>) -> Result<Filled> {
    let mut open = values.clone();
    let mut lines = Vec::new();
    for line in text.lines() {
        // A line that the user has commented out is left alone.
        let marked = line
            .split_once(MARK)
            .filter(|(before, _)| !before.trim_start().starts_with('#'));
        let Some((before, name)) = marked else {
            lines.push(line.to_owned());
            continue;
        };
        let name = name.trim();
        let Some(value) = open.remove(name) else {
            bail!("the mark `{MARK}{name}` is unknown or occurs twice");
        };
        let Some(key) = key_part(before) else {
            bail!("the mark `{MARK}{name}` is on a line without a value")
        };
        lines.push(format!("{key} {value} {MARK}{name}"));
    }
    let text = lines.join("\n") + "\n";
    Ok(Filled {
        text,
        without_mark: open.into_keys().map(str::to_owned).collect(),
    })
}

/// Returns the line up to its value: `  key:` or `  -`.
fn key_part(before: &str) -> Option<&str> {
    if before.trim_start().starts_with("- ") {
        return before.find('-').map(|at| &before[..=at]);
    }
    before.find(": ").map(|at| &before[..=at])
}

impl fmt::Display for Scalar {
    /// Writes text as a JSON string, which is also a YAML string.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> BTreeMap<&'static str, Scalar> {
        let secret = Scalar::Text("a \"quoted\": # one".into());
        BTreeMap::from([
            ("port", Scalar::Number(1)),
            ("secret", secret),
            ("url", Scalar::Text("http://x:1/".into())),
        ])
    }

    const TEMPLATE: &str =
        "# comment\nport: 7880 # setup: port\nin:\n  secret: s # setup: secret\n  - http://a:2 # setup: url\n";

    #[test]
    fn each_mark_is_filled_and_kept() {
        let filled = fill(TEMPLATE, &values()).unwrap();

        let expected = "# comment\nport: 1 # setup: port\nin:\n  secret: \"a \\\"quoted\\\": # one\" # setup: secret\n  \
                        - \"http://x:1/\" # setup: url\n";
        assert_eq!(filled.text, expected);
        assert!(filled.without_mark.is_empty());
    }

    #[test]
    fn filling_twice_equals_filling_once() {
        let values = BTreeMap::from([("port", Scalar::Number(1)), ("url", Scalar::Text("http://x".into()))]);
        let once = fill("a: 5 # setup: port\n- x # setup: url\nmine: 3\n", &values)
            .unwrap()
            .text;

        assert_eq!(fill(&once, &values).unwrap().text, once);
    }

    #[test]
    fn a_mark_that_cannot_be_filled_is_an_error_and_a_missing_one_is_named() {
        for bad in [
            "port: 1 # setup: port\nport: 2 # setup: port",
            "x: 1 # setup: other",
            "port # setup: port",
        ] {
            assert!(fill(bad, &values()).is_err(), "{bad}");
        }
        let edited = "port: 1 # setup: port\n# secret: x # setup: secret";
        assert_eq!(fill(edited, &values()).unwrap().without_mark, ["secret", "url"]);
    }
}
