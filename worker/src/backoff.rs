//! How long to wait before the next try.

use std::time::Duration;

use rand::Rng;

/// 1, 2, 4 … seconds after the first, second, third try, at most `max`; a fifth more or less, so that what failed
/// together does not come back together.
pub fn with_jitter(tries: u32, max: Duration) -> Duration {
    let doubled = Duration::from_secs(1_u64 << tries.saturating_sub(1).min(20));
    doubled.min(max).mul_f64(rand::rng().random_range(0.8..=1.2)).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let max = Duration::from_secs(60);

        for (tries, seconds) in [(0, 1.0), (1, 1.0), (3, 4.0), (7, 60.0), (u32::MAX, 60.0)] {
            let pause = with_jitter(tries, max);
            assert!(
                pause >= Duration::from_secs_f64(seconds * 0.79) && pause <= max,
                "{tries}: {pause:?}"
            );
            assert!(pause <= Duration::from_secs_f64(seconds * 1.21), "{tries}: {pause:?}");
        }
    }
}
