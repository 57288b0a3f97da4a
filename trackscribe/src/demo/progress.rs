//! What is shown while people wait: one line a step, with the time that it took.

use std::time::Instant;

/// Steps done so far. Repeating the same words prints nothing.
pub struct Progress {
    phase: Instant,
    last: String,
    spent: Vec<(&'static str, f64)>,
}

impl Progress {
    pub fn start() -> Self {
        Self {
            phase: Instant::now(),
            last: String::new(),
            spent: Vec::new(),
        }
    }

    /// Says what is going on, if that is news.
    pub fn say(&mut self, what: impl Into<String>) {
        let what = what.into();
        if what != self.last {
            println!("  {:>5.1} s  {what}", self.phase.elapsed().as_secs_f64());
            self.last = what;
        }
    }

    /// Ends a phase.
    pub fn done(&mut self, phase: &'static str) {
        self.spent.push((phase, self.phase.elapsed().as_secs_f64()));
        self.phase = Instant::now();
    }

    /// Begins a phase.
    pub fn begin(&mut self, title: &str) {
        println!("{title}");
        self.phase = Instant::now();
        self.last.clear();
    }

    /// One line with all phases.
    pub fn summary(&self) -> String {
        let parts: Vec<_> = self
            .spent
            .iter()
            .map(|(phase, seconds)| format!("{phase} {seconds:.1} s"))
            .collect();
        let total: f64 = self.spent.iter().map(|(_, seconds)| seconds).sum();
        format!("time spent: {}; {total:.1} s in all", parts.join(", "))
    }
}
