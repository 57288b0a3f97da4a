//! When a message is sent again.

use std::time::Duration;

/// Pauses between the attempts, in seconds: 12 attempts in about three days.
const PAUSES_S: [u64; 11] = [
    5,
    60,
    5 * 60,
    30 * 60,
    2 * 3600,
    5 * 3600,
    8 * 3600,
    10 * 3600,
    13 * 3600,
    15 * 3600,
    18 * 3600,
];

/// How much a pause varies, so that messages that failed together are not sent again together.
const JITTER: f64 = 0.2;

/// Longest pause that an endpoint may ask for.
const MAX_NAMED: Duration = Duration::from_secs(24 * 3600);

/// A message is given up at this age, also if an endpoint asked for long pauses or many messages wait for it.
const MAX_AGE: Duration = Duration::from_secs(5 * 24 * 3600);

/// Returns the pause after the failed attempt with this number, from 1; `None` if it was the last. `named` is the pause that
/// the endpoint asked for, `age` the time since the message was first to be sent, and `chance` a random number from 0 to 1.
pub fn pause(attempt: u32, age: Duration, named: Option<Duration>, chance: f64) -> Option<Duration> {
    let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
    let pause = Duration::from_secs(*PAUSES_S.get(index)?);
    let varied = pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0));
    let chosen = varied.max(named.unwrap_or_default().min(MAX_NAMED));
    (age + chosen <= MAX_AGE).then_some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn attempts_spread_over_three_days_with_jitter() {
        let total = |chance: f64| -> Duration {
            (1..=PAUSES_S.len() as u32)
                .map(|attempt| pause(attempt, NOW, None, chance).unwrap())
                .sum()
        };

        let hours = |duration: Duration| duration.as_secs() / 3600;
        assert_eq!(hours(total(0.5)), 71);
        assert!(hours(total(0.0)) < 58 && hours(total(1.0)) >= 85);
        assert_eq!(pause(PAUSES_S.len() as u32 + 1, NOW, None, 0.5), None);
        assert_eq!(pause(u32::MAX, NOW, None, 0.5), None);
        assert_eq!(pause(0, NOW, None, 0.5), None);
    }

    #[test]
    fn a_named_pause_is_kept_within_limits() {
        let named = |seconds| {
            pause(1, NOW, Some(Duration::from_secs(seconds)), 0.5)
                .unwrap()
                .as_secs()
        };

        assert_eq!((named(1), named(90), named(u64::MAX)), (5, 90, 24 * 3600));
    }

    #[test]
    fn an_old_message_is_given_up() {
        assert_eq!(pause(1, MAX_AGE, None, 0.5), None);
        assert!(pause(11, Duration::from_secs(86 * 3600), None, 1.0).is_some());
    }
}
