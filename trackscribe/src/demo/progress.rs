//! Prints what the demo is doing, with the time that it takes.

use std::time::Instant;

/// The current phase, and the time that earlier phases took.
pub struct Progress {
    phase_start: Instant,
    last: String,
    durations_s: Vec<(&'static str, f64)>,
}

impl Progress {
    pub fn start() -> Self {
        Self {
            phase_start: Instant::now(),
            last: String::new(),
            durations_s: Vec::new(),
        }
    }

    /// Prints a line, unless it repeats the last one.
    pub fn say(&mut self, line: impl Into<String>) {
        let line = line.into();
        if line != self.last {
            println!("  {:>5.1} s  {line}", self.phase_start.elapsed().as_secs_f64());
            self.last = line;
        }
    }

    /// Ends a phase.
    pub fn done(&mut self, phase: &'static str) {
        self.durations_s.push((phase, self.phase_start.elapsed().as_secs_f64()));
        self.phase_start = Instant::now();
    }

    /// Begins a phase.
    pub fn begin(&mut self, title: &str) {
        println!("{title}");
        self.phase_start = Instant::now();
        self.last.clear();
    }

    /// Lists the duration of each phase in one line.
    pub fn summary(&self) -> String {
        let parts: Vec<_> = self
            .durations_s
            .iter()
            .map(|(phase, seconds)| format!("{phase} {seconds:.1} s"))
            .collect();
        let total: f64 = self.durations_s.iter().map(|(_, seconds)| seconds).sum();
        format!("time spent: {}; {total:.1} s in total", parts.join(", "))
    }
}
