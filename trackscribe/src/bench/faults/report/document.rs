//! The table in Markdown, and in a document.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use chrono::Utc;

use super::RowReport;

/// What the table is between in a document.
const BEGIN: &str = "<!-- faults: written by `trackscribe bench faults --write-to` -->";
const END: &str = "<!-- end of faults -->";

const HEADER: &str = "\
| fault | name | played | sent before, lost | all lost | longest hole | again after | files per track | verdict |\n\
|---|---|---|---|---|---|---|---|---|\n";

/// The whole table, in Markdown.
pub fn table(reports: &[RowReport]) -> String {
    let lines: String = reports.iter().map(RowReport::line).collect();
    format!("{HEADER}{lines}")
}

/// Replaces the rows that were played in the document's table, and keeps the others.
pub fn update_document(path: &Path, reports: &[RowReport]) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, rest) = text
        .split_once(BEGIN)
        .with_context(|| format!("{} has no line {BEGIN}", path.display()))?;
    let (old, after) = rest
        .split_once(END)
        .with_context(|| format!("{} has no line {END}", path.display()))?;
    let table = merge(old, reports);
    let text = format!("{before}{BEGIN}\n{}\n\n{table}{END}{after}", provenance());
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The old table's lines, with those of the played rows in their places.
fn merge(old: &str, reports: &[RowReport]) -> String {
    let mut lines: Vec<String> = old
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| fault"))
        .map(|line| format!("{line}\n"))
        .collect();
    for report in reports {
        let mark = format!("| `{}` |", report.name);
        match lines.iter_mut().find(|line| line.contains(&mark)) {
            Some(line) => *line = report.line(),
            None => lines.push(report.line()),
        }
    }
    format!("{HEADER}{}", lines.concat())
}

/// Where and when the table was made.
fn provenance() -> String {
    let build = if cfg!(debug_assertions) {
        "debug build"
    } else {
        "optimized build"
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    format!(
        "Last written on {} with {cores} cores of {model}, everything on that machine, {build}.",
        Utc::now().format("%Y-%m-%d")
    )
}

#[cfg(test)]
mod tests {
    use super::{super::tests::report, *};

    #[test]
    fn only_played_rows_are_replaced() {
        let old = merge(
            "",
            &[report("egress-kill", &[9000.0]), report("egress-term", &[1000.0])],
        );

        let new = merge(&old, &[report("egress-kill", &[1500.0])]);

        assert_eq!(new.lines().count(), 4, "{new}");
        assert!(
            new.contains("1.50 s") && new.contains("1.00 s") && !new.contains("9.00 s"),
            "{new}"
        );
    }
}
