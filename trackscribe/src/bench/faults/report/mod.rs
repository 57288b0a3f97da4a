//! Judges a row and formats the table.

mod document;
mod spread;

use anyhow::Result;
use serde::Serialize;

use super::{
    account::Observation,
    rows::{Figure, Length, Limits, Played, Row},
};

pub use self::document::{table, update_document};
use self::spread::{Spread, seconds};

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

/// A row that is played several times measures the same each time: only the worst value counts.
fn worst_of_each(figures: Vec<Figure>) -> Vec<Figure> {
    let mut worst: Vec<Figure> = Vec::new();
    for figure in figures {
        match worst.iter_mut().find(|known| known.what == figure.what) {
            Some(known) if known.value < figure.value => *known = figure,
            Some(_) => {}
            None => worst.push(figure),
        }
    }
    worst
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
            figures: worst_of_each(played.figures),
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

    /// Whether the limits are met, and what only this row measures.
    fn verdict(&self) -> String {
        if !self.missed.is_empty() {
            return format!("missed: {}", self.missed.join("; "));
        }
        let mut parts = vec!["met".to_owned()];
        parts.extend(
            self.figures
                .iter()
                .map(|figure| format!("{} {:.1} {}", figure.what, figure.value, figure.unit)),
        );
        if self.apart_ms > 0.0 {
            parts.push(format!("tracks apart by {:.1} ms", self.apart_ms));
        }
        parts.join("; ")
    }

    /// The row as a line of the table.
    fn line(&self) -> String {
        let verdict = self.verdict();
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

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn report(name: &'static str, holes_ms: &[f64]) -> RowReport {
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
    fn of_a_figure_that_is_measured_several_times_the_worst_counts() {
        let row = super::super::rows::ROWS
            .iter()
            .find(|row| row.name == "server-down")
            .unwrap();
        let figure = |what, value| Figure {
            what,
            value,
            limit: 20.0,
            unit: "s",
        };
        let played = Played {
            figures: vec![
                figure("delay", 1.0),
                figure("other", 2.0),
                figure("delay", 3.0),
                figure("delay", 2.5),
            ],
            ..Played::default()
        };

        let report = RowReport::new(row, Length::Short, 1, Ok(played));

        assert_eq!(report.verdict(), "met; delay 3.0 s; other 2.0 s");
    }

    #[test]
    fn a_row_that_cannot_be_played_is_not_met() {
        let row = &super::super::rows::ROWS[0];

        let report = RowReport::new(row, Length::Short, 1, Err(anyhow::anyhow!("no stack")));

        assert_eq!(report.missed, ["1 problems"]);
    }
}
