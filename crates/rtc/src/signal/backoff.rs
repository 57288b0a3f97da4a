//! How long to wait before the next attempt.

use std::time::Duration;

/// The wait after the first failed resume. The first attempt itself is immediate.
const RESUME_STEP: Duration = Duration::from_millis(100);
/// The longest wait between two resumes: a server that answers again is found within a second.
const MAX_RESUME_WAIT: Duration = Duration::from_secs(1);
/// The wait after the first failed join.
const JOIN_STEP: Duration = Duration::from_millis(300);
/// The longest wait between two joins, without jitter.
const MAX_JOIN_WAIT: Duration = Duration::from_secs(7);

/// Returns how long to wait after so many failed resumes: 0, 0.1, 0.2, 0.4 … 1 s.
pub(crate) fn resume_wait(failures: u32) -> Duration {
    doubled(RESUME_STEP, failures).min(MAX_RESUME_WAIT)
}

/// Returns how long to wait after so many failed joins: 0, 0.3, 0.6, 1.2 … 7 s, plus up to a quarter at random, so that
/// many clients do not all return at once.
pub(crate) fn join_wait(failures: u32, jitter: &mut Jitter) -> Duration {
    let wait = doubled(JOIN_STEP, failures).min(MAX_JOIN_WAIT);
    wait + wait.mul_f64(jitter.next() / 4.0)
}

fn doubled(step: Duration, failures: u32) -> Duration {
    match failures.checked_sub(1) {
        Some(doublings) => step * 2u32.pow(doublings.min(10)),
        None => Duration::ZERO,
    }
}

/// Numbers from 0 to 1 that differ between clients, from a seed (xorshift). Not cryptographically secure.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_resume_is_immediate_and_waits_grow_to_a_second() {
        let waits: Vec<_> = (0..8).map(|failures| resume_wait(failures).as_millis()).collect();

        assert_eq!(waits, [0, 100, 200, 400, 800, 1000, 1000, 1000]);
        assert_eq!(resume_wait(u32::MAX), MAX_RESUME_WAIT);
    }

    #[test]
    fn joins_double_their_wait_and_add_jitter() {
        let mut jitter = Jitter::new(42);

        for (failures, least) in [
            (0, 0),
            (1, 300),
            (2, 600),
            (3, 1200),
            (4, 2400),
            (5, 4800),
            (6, 7000),
            (u32::MAX, 7000),
        ] {
            let wait = join_wait(failures, &mut jitter).as_millis();

            assert!(
                (least..=least + least / 4 + 1).contains(&wait),
                "{wait} ms after {failures} failures"
            );
        }
    }
}
