//! Values of a distribution, and how they are written.

use serde::Serialize;

use crate::bench::figures::quantile;

/// Two values of a distribution.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    pub p99: f64,
    pub worst: f64,
}

impl Spread {
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        if values.is_empty() {
            return Self::default();
        }
        Self {
            p99: quantile(&values, 0.99),
            worst: quantile(&values, 1.0),
        }
    }

    /// The worst value, and the 99th percentile if it differs.
    pub fn text(self) -> String {
        if (self.worst - self.p99).abs() < 1.0 {
            seconds(self.worst)
        } else {
            format!("{} (p99 {})", seconds(self.worst), seconds(self.p99))
        }
    }
}

/// Milliseconds, written in seconds.
pub fn seconds(ms: f64) -> String {
    if ms == 0.0 {
        "0".to_owned()
    } else {
        format!("{:.2} s", ms / 1000.0)
    }
}
