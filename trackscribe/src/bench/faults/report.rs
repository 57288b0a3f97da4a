//! Judges a row and formats the table.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use chrono::Utc;
use serde::Serialize;

use super::{
    account::Observation,
    rows::{Figure, Length, Limits, Played, Row},
};
use crate::bench::figures::quantile;

/// What the table is between in a document.
const BEGIN: &str = "<!-- faults: written by `trackscribe bench faults --write-to` -->";
const END: &str = "<!-- end of faults -->";

const HEADER: &str = "\
| fault | name | played | sent before, lost | all lost | longest hole | again after | files per track | verdict |\n\
|---|---|---|---|---|---|---|---|---|\n";

/// Problems that are printed for a row.
const MAX_PROBLEMS: usize = 12;

/// What was seen in a row, and the verdict.
#[derive(Debug, Serialize)]
pub struct RowReport {
    pub name: &'static str,
    pub fault: &'static str,
    pub is_long: bool,
    pub seeds: u32,
    pub heard_before_ms: Spread,
    pub missing_ms: Spread,
    pub hole_ms: Spread,
    pub again_ms: Spread,
    pub apart_ms: f64,
    /// The most files of one track.
    pub files: usize,
    pub figures: Vec<Figure>,
    /// What is wrong apart from missing audio.
    pub problems: Vec<String>,
    /// What misses the limits; empty if all are met.
    pub missed: Vec<String>,
    pub observations: Vec<Observation>,
}

/// Two values of a distribution.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    pub p99: f64,
    pub worst: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        if values.is_empty() {
            return Self::default();
        }
        Self {
            p99: quantile(&values, 0.99),
            worst: quantile(&values, 1.0),
        }
    }
}

impl RowReport {
    pub fn new(row: &'static Row, length: Length, seeds: u32, played: Result<Played>) -> Self {
        let played = played.unwrap_or_else(|error| Played {
            problems: vec![format!("the row cannot be played: {error:#}")],
            ..Played::default()
        });
        let observations = played.observations;
        let spread = |value: fn(&Observation) -> f64| Spread::of(observations.iter().map(value));
        let mut report = Self {
            name: row.name,
            fault: row.fault,
            is_long: length == Length::Long,
            seeds,
            heard_before_ms: spread(|seen| seen.heard_before_ms),
            missing_ms: spread(|seen| seen.missing_ms),
            hole_ms: spread(|seen| seen.hole_ms),
            again_ms: Spread::of(observations.iter().filter_map(|seen| seen.again_ms)),
            apart_ms: played.apart_ms,
            files: observations
                .iter()
                .map(|seen| seen.files.div_ceil(seen.tracks.max(1)))
                .max()
                .unwrap_or_default(),
            figures: played.figures,
            problems: played.problems,
            missed: Vec::new(),
            observations,
        };
        report.missed = report.judge(&row.limits);
        report
    }

    fn judge(&self, limits: &Limits) -> Vec<String> {
        let mut missed = Vec::new();
        let mut check = |what: &str, value: f64, limit: Option<f64>| {
            if let Some(limit) = limit.filter(|limit| value > *limit) {
                missed.push(format!("{what} {} instead of {}", seconds(value), seconds(limit)));
            }
        };
        check(
            "sent before and lost:",
            self.heard_before_ms.worst,
            limits.heard_before_ms,
        );
        check("lost:", self.missing_ms.worst, limits.missing_ms);
        check("hole (p99):", self.hole_ms.p99, limits.hole_ms);
        check("again after", self.again_ms.worst, limits.again_ms);
        check("tracks apart by", self.apart_ms, limits.apart_ms);
        for figure in self.figures.iter().filter(|figure| figure.value > figure.limit) {
            let Figure {
                what,
                value,
                limit,
                unit,
            } = figure;
            missed.push(format!("{what}: {value:.1} {unit} instead of {limit:.1}"));
        }
        if self.files > 1 {
            missed.push(format!("{} files of one track", self.files));
        }
        if !self.problems.is_empty() {
            missed.push(format!("{} problems", self.problems.len()));
        }
        missed
    }

    /// Says everything about the row, for the terminal.
    pub fn summary(&self) -> String {
        let mut lines = vec![self.line().trim_end().to_owned()];
        for figure in &self.figures {
            let Figure {
                what,
                value,
                limit,
                unit,
            } = figure;
            lines.push(format!("  {what}: {value:.1} {unit} (at most {limit:.1})"));
        }
        if self.apart_ms > 0.0 {
            lines.push(format!("  tracks are at most {:.1} ms apart", self.apart_ms));
        }
        lines.extend(
            self.problems
                .iter()
                .take(MAX_PROBLEMS)
                .map(|problem| format!("  ! {problem}")),
        );
        if self.problems.len() > MAX_PROBLEMS {
            lines.push(format!("  ! and {} more", self.problems.len() - MAX_PROBLEMS));
        }
        lines.join("\n")
    }

    /// The row as a line of the table.
    fn line(&self) -> String {
        let verdict = if self.missed.is_empty() {
            "met".to_owned()
        } else {
            format!("missed: {}", self.missed.join("; "))
        };
        let times = if self.seeds == 1 {
            "once".to_owned()
        } else {
            format!("{} times", self.seeds)
        };
        let form = if self.is_long { ", long" } else { "" };
        format!(
            "| {} | `{}` | {times}{form} | {} | {} | {} | {} | {} | {verdict} |\n",
            self.fault,
            self.name,
            self.heard_before_ms.text(),
            self.missing_ms.text(),
            self.hole_ms.text(),
            self.again_ms.text(),
            self.files,
        )
    }
}

impl Spread {
    fn text(self) -> String {
        if (self.worst - self.p99).abs() < 1.0 {
            seconds(self.worst)
        } else {
            format!("{} (p99 {})", seconds(self.worst), seconds(self.p99))
        }
    }
}

fn seconds(ms: f64) -> String {
    if ms == 0.0 {
        "0".to_owned()
    } else {
        format!("{:.2} s", ms / 1000.0)
    }
}

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
    use super::*;

    fn report(name: &'static str, holes_ms: &[f64]) -> RowReport {
        let row = super::super::rows::ROWS.iter().find(|row| row.name == name).unwrap();
        let seen = |hole_ms: &f64| Observation {
            track: "alice".into(),
            heard_before_ms: 0.0,
            missing_ms: *hole_ms,
            hole_ms: *hole_ms,
            again_ms: Some(100.0),
            files: 1,
            tracks: 1,
        };
        let played = Played {
            observations: holes_ms.iter().map(seen).collect(),
            ..Played::default()
        };
        RowReport::new(row, Length::Short, 1, Ok(played))
    }

    #[test]
    fn a_row_within_its_limits_is_met_and_another_says_by_how_much() {
        let (met, missed) = (
            report("egress-kill", &[2900.0]),
            report("egress-kill", &[100.0, 9000.0]),
        );

        assert!(met.missed.is_empty(), "{:?}", met.missed);
        assert_eq!(missed.missed, ["hole (p99): 9.00 s instead of 3.00 s"]);
        assert!(missed.summary().contains("missed: hole"), "{}", missed.summary());
    }

    #[test]
    fn a_row_that_cannot_be_played_is_not_met() {
        let row = &super::super::rows::ROWS[0];

        let report = RowReport::new(row, Length::Short, 1, Err(anyhow::anyhow!("no stack")));

        assert_eq!(report.missed, ["1 problems"]);
    }

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
