//! How long to wait before the next try.

use std::time::Duration;

/// The step of both rows of waits.
const STEP: Duration = Duration::from_millis(300);
/// No wait is longer than this, jitter apart.
const LONGEST: Duration = Duration::from_secs(7);

/// Before resume number `tries`, counted from 0: 0, 0.3, 1.2, 2.7 … 7 s.
pub(crate) fn resume_wait(tries: u32) -> Duration {
    (STEP * tries.min(10).pow(2)).min(LONGEST)
}

/// Before full reconnect number `tries`, counted from 0: 0, 0.3, 0.6, 1.2 … 7 s, with up to a quarter added, so that
/// a restarted server is not met by all its clients at once.
pub(crate) fn restart_wait(tries: u32, jitter: &mut Jitter) -> Duration {
    let Some(doublings) = tries.checked_sub(1) else {
        return Duration::ZERO;
    };
    let wait = (STEP * 2u32.pow(doublings.min(10))).min(LONGEST);
    wait + wait.mul_f64(jitter.next() / 4.0)
}

/// Numbers from 0 to 1 that differ from client to client, from a seed (xorshift); no more is asked of them.
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
    fn resumes_begin_at_once_and_grow_to_seven_seconds() {
        let waits: Vec<_> = (0..8).map(|tries| resume_wait(tries).as_millis()).collect();

        assert_eq!(waits, [0, 300, 1200, 2700, 4800, 7000, 7000, 7000]);
        assert_eq!(resume_wait(u32::MAX), LONGEST);
    }

    #[test]
    fn full_reconnects_double_their_wait_with_jitter_added() {
        let mut jitter = Jitter::new(42);

        for (tries, least) in [
            (0, 0),
            (1, 300),
            (2, 600),
            (3, 1200),
            (4, 2400),
            (5, 4800),
            (6, 7000),
            (u32::MAX, 7000),
        ] {
            let wait = restart_wait(tries, &mut jitter).as_millis();

            assert!(
                (least..=least + least / 4 + 1).contains(&wait),
                "try {tries} waits {wait} ms"
            );
        }
    }
}
