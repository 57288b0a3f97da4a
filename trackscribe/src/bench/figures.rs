//! Medians and percentiles.

/// Formats one line: what was measured, its distribution and its target.
pub fn line(what: &str, values: &[f64], unit: &str, target: &str) -> String {
    if values.is_empty() {
        return format!("{what}: no measurements");
    }
    let at = |share| quantile(values, share);
    format!(
        "{what}: median {:.1} {unit}, p95 {:.1}, min {:.1}, max {:.1} ({} measured; {target})",
        at(0.5),
        at(0.95),
        at(0.0),
        at(1.0),
        values.len(),
    )
}

/// The smallest value that at least this share of all values does not exceed.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_measured_values() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();

        assert_eq!(
            [0.0, 0.5, 0.95, 1.0].map(|share| quantile(&values, share)),
            [1.0, 10.0, 19.0, 20.0]
        );
        assert_eq!(quantile(&[7.0], 0.95), 7.0);
    }

    #[test]
    fn an_empty_list_is_reported_as_such() {
        assert_eq!(line("delay", &[], "ms", "at most 1"), "delay: no measurements");
    }
}
