//! A token bucket whose callers reserve tokens and wait for them in their order. The time is an argument.

use std::time::{Duration, Instant};

/// Longest pause that a platform can ask for: a wrong answer must not stop us for days.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// How many tokens a bucket holds, and how fast it is refilled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Tokens that can be used at once after a pause.
    pub burst: u32,
    /// Tokens that are added in a second.
    pub per_second: f64,
}

/// The state of a bucket. A negative number of tokens is what has been reserved and not been refilled yet.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    limit: Limit,
    tokens: f64,
    refilled_at: Instant,
    /// Until when the platform wants no request, if it said so.
    blocked_until: Instant,
}

impl Bucket {
    /// Creates a full bucket.
    pub fn new(limit: Limit, now: Instant) -> Self {
        Self {
            limit,
            tokens: f64::from(limit.burst),
            refilled_at: now,
            blocked_until: now,
        }
    }

    /// Reserves tokens and returns how long to wait before they are used.
    ///
    /// # Errors
    /// The wait would be longer than `longest`. It is returned, and nothing is reserved.
    pub fn reserve(&mut self, tokens: u32, longest: Duration, now: Instant) -> Result<Duration, Duration> {
        self.refill(now);
        let left = self.tokens - f64::from(tokens);
        let refill = Duration::try_from_secs_f64((-left).max(0.0) / self.limit.per_second).unwrap_or(Duration::MAX);
        let wait = refill.max(self.blocked_until.saturating_duration_since(now));
        if wait > longest {
            return Err(wait);
        }
        self.tokens = left;
        Ok(wait)
    }

    /// Lets nobody pass for `pause`, which the platform asked for, or for 10 min.
    pub fn block(&mut self, pause: Duration, now: Instant) {
        self.blocked_until = self.blocked_until.max(now + pause.min(LONGEST_PAUSE));
    }

    fn refill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        self.tokens = (self.tokens + seconds * self.limit.per_second).min(f64::from(self.limit.burst));
        self.refilled_at = self.refilled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        burst: 2,
        per_second: 4.0,
    };
    const LONGEST: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_at_once_and_the_rest_in_its_order_at_the_rate() {
        let now = Instant::now();
        let mut bucket = Bucket::new(LIMIT, now);

        let waits: Vec<_> = (0..7).map(|_| bucket.reserve(1, LONGEST, now)).collect();

        let millis = |wait: u64| Duration::from_millis(wait);
        assert_eq!(waits[..2], [Ok(millis(0)), Ok(millis(0))]);
        assert_eq!(waits[2..6], [250, 500, 750, 1000].map(|wait| Ok(millis(wait))));
        assert_eq!(waits[6], Err(millis(1250)));
    }

    #[test]
    fn a_refused_reservation_takes_nothing() {
        let now = Instant::now();
        let mut bucket = Bucket::new(LIMIT, now);

        assert!(bucket.reserve(100, LONGEST, now).is_err());

        assert_eq!(bucket.reserve(2, LONGEST, now), Ok(Duration::ZERO));
    }

    #[test]
    fn the_bucket_fills_up_to_its_burst_and_no_further() {
        let start = Instant::now();
        let mut bucket = Bucket::new(LIMIT, start);
        let later = start + Duration::from_secs(3600);

        assert_eq!(bucket.reserve(2, LONGEST, later), Ok(Duration::ZERO));
        assert_eq!(bucket.reserve(1, LONGEST, later), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn the_platforms_pause_holds_everyone_back_and_an_earlier_one_does_not_shorten_it() {
        let now = Instant::now();
        let mut bucket = Bucket::new(LIMIT, now);

        bucket.block(Duration::from_millis(900), now);
        bucket.block(Duration::from_millis(100), now);

        assert_eq!(bucket.reserve(1, LONGEST, now), Ok(Duration::from_millis(900)));
        bucket.block(Duration::from_secs(60), now);
        assert_eq!(bucket.reserve(1, LONGEST, now), Err(Duration::from_secs(60)));
        assert_eq!(
            bucket.reserve(1, LONGEST, now + Duration::from_secs(60)),
            Ok(Duration::ZERO)
        );
    }

    #[test]
    fn a_pause_without_end_is_cut() {
        let now = Instant::now();
        let mut bucket = Bucket::new(LIMIT, now);

        bucket.block(Duration::MAX, now);

        assert_eq!(bucket.reserve(1, LONGEST, now), Err(LONGEST_PAUSE));
    }
}
