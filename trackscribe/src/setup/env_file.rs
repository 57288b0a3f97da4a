//! `.env`: lines of the form `NAME=value`, comments, and anything else that users add.

use std::{fmt, fs, io, path::Path};

use anyhow::{Context, Result};
use secrecy::SecretString;

/// The first lines of a new file.
const HEADER: &str = "\
# Settings of server and worker. `trackscribe server --help` and `trackscribe worker --help` list all of them.
# `trackscribe up` updates the lines below when ports change, and keeps every line that you add.
";

/// The lines of the file. Its `Debug` output contains no values, because they may be secret.
#[derive(Clone, Default)]
pub struct EnvFile {
    lines: Vec<String>,
}

impl EnvFile {
    /// Reads the file, or returns a new one if it does not exist.
    pub fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self::parse(HEADER)),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    pub fn parse(text: &str) -> Self {
        Self {
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    /// Returns a value without its quotes. If a name occurs twice the last line counts, as in a shell.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs().filter(|(n, _)| *n == name).last().map(|(_, value)| value)
    }

    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).filter(|value| !value.is_empty()).map(SecretString::from)
    }

    /// Replaces the value in its line, or adds a line.
    pub fn set(&mut self, name: &str, value: &str) {
        let line = format!("{name}={value}");
        let existing = self
            .lines
            .iter_mut()
            .rev()
            .find(|line| pair(line).is_some_and(|(n, _)| n == name));
        match existing {
            Some(existing) => *existing = line,
            None => self.lines.push(line),
        }
    }

    /// Iterates over names and values in the order of the file.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(|line| pair(line))
    }
}

impl fmt::Display for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs().map(|(name, _)| name)).finish()
    }
}

fn pair(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (name, unquote(value.trim())))
}

fn unquote(value: &str) -> &str {
    let inside = |quote| {
        value
            .strip_prefix(quote)
            .and_then(|rest: &str| rest.strip_suffix(quote))
    };
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_replaced_in_its_line_and_everything_else_is_kept() {
        let mut env = EnvFile::parse("# top\nA=1\n\nexport B='two'\nnot a setting\n=x\nA=3\n");

        env.set("A", "4");
        env.set("C", "new");

        assert_eq!(
            env.to_string(),
            "# top\nA=1\n\nexport B='two'\nnot a setting\n=x\nA=4\nC=new\n"
        );
        assert_eq!(
            (env.get("A"), env.get("B"), env.get("D")),
            (Some("4"), Some("two"), None)
        );
    }

    #[test]
    fn debug_output_contains_no_values() {
        let env = EnvFile::parse("SECRET=hush");

        assert_eq!(format!("{env:?}"), r#"["SECRET"]"#);
    }
}
