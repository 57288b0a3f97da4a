//! How long to wait before a retry.

use std::time::Duration;

use rand::Rng;

/// Returns 1, 2, 4 … seconds after the first, second, third attempt, at most `max`. Varies by up to a fifth, so that
/// callers that failed together do not retry together.
pub fn with_jitter(attempts: u32, max: Duration) -> Duration {
    let doubled = Duration::from_secs(1_u64 << attempts.saturating_sub(1).min(20));
    doubled.min(max).mul_f64(rand::rng().random_range(0.8..=1.2)).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_maximum() {
        let max = Duration::from_secs(60);

        for (attempts, seconds) in [(0, 1.0), (1, 1.0), (3, 4.0), (7, 60.0), (u32::MAX, 60.0)] {
            let pause = with_jitter(attempts, max);
            assert!(
                pause >= Duration::from_secs_f64(seconds * 0.79) && pause <= max,
                "{attempts}: {pause:?}"
            );
            assert!(
                pause <= Duration::from_secs_f64(seconds * 1.21),
                "{attempts}: {pause:?}"
            );
        }
    }
}
