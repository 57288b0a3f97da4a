//! Stretches of wall time, and sets of them.

use crate::UnixNanos;
use crate::manifest::Listened;

/// A stretch of time: from `from` up to, not including, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// Start.
    pub from: UnixNanos,
    /// End.
    pub to: UnixNanos,
}

/// A set of moments: intervals in order that neither overlap nor touch, none of them empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntervalSet(Vec<Interval>);

impl Interval {
    /// Creates an interval; one that would end before it starts is empty.
    pub fn new(from: UnixNanos, to: UnixNanos) -> Self {
        Self { from, to: to.max(from) }
    }

    /// Returns its length.
    pub fn nanos(self) -> i64 {
        self.to.nanos_since(self.from)
    }

    /// Whether it contains no moment.
    pub fn is_empty(self) -> bool {
        self.to <= self.from
    }

    /// Returns what both contain; empty if they have nothing in common.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self::new(self.from.max(other.from), self.to.min(other.to))
    }
}

impl From<Listened> for Interval {
    fn from(listened: Listened) -> Self {
        Self::new(listened.from_ns, listened.to_ns)
    }
}

impl From<Interval> for Listened {
    fn from(interval: Interval) -> Self {
        Self {
            from_ns: interval.from,
            to_ns: interval.to,
        }
    }
}

impl IntervalSet {
    /// Whether it contains no moment.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the intervals in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Interval> + '_ {
        self.0.iter().copied()
    }

    /// Returns the sum of all lengths.
    pub fn nanos(&self) -> i64 {
        self.iter().map(Interval::nanos).fold(0, i64::saturating_add)
    }

    /// Returns the smallest interval that contains all of them; `None` if there are none.
    pub fn hull(&self) -> Option<Interval> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        Some(Interval::new(first.from, last.to))
    }

    /// Returns the intervals between the intervals.
    pub fn between(&self) -> impl Iterator<Item = Interval> + '_ {
        self.0.windows(2).map(|pair| Interval::new(pair[0].to, pair[1].from))
    }

    /// Returns the moments that either set contains.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// Returns the moments that both sets contain.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.difference(&self.difference(other))
    }

    /// Returns the moments of this set that `other` does not contain.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut removed = other.0.as_slice();
        for interval in self.iter() {
            let mut from = interval.from;
            // what ends before this interval ends before all later ones, too
            removed = &removed[removed.partition_point(|hole| hole.to <= from)..];
            for hole in removed.iter().take_while(|hole| hole.from < interval.to) {
                rest.push(Interval::new(from, hole.from));
                from = from.max(hole.to);
            }
            rest.push(Interval::new(from, interval.to));
        }
        rest.retain(|interval| !interval.is_empty());
        Self(rest)
    }
}

impl From<Interval> for IntervalSet {
    fn from(interval: Interval) -> Self {
        Self::from_iter([interval])
    }
}

impl FromIterator<Interval> for IntervalSet {
    fn from_iter<I: IntoIterator<Item = Interval>>(intervals: I) -> Self {
        let mut sorted: Vec<Interval> = intervals.into_iter().filter(|i| !i.is_empty()).collect();
        sorted.sort_unstable();
        sorted.dedup_by(|later, earlier| {
            let touches = later.from <= earlier.to;
            if touches {
                earlier.to = earlier.to.max(later.to);
            }
            touches
        });
        Self(sorted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(intervals: &[(i64, i64)]) -> IntervalSet {
        let interval = |(from, to): &(i64, i64)| Interval::new(UnixNanos(*from), UnixNanos(*to));
        intervals.iter().map(interval).collect()
    }

    #[test]
    fn intervals_that_overlap_or_touch_become_one() {
        assert_eq!(
            set(&[(5, 9), (0, 3), (3, 4), (6, 7), (8, 8), (12, 10)]),
            set(&[(0, 4), (5, 9)])
        );
        assert_eq!(set(&[(0, 4), (5, 9)]).nanos(), 8);
        assert_eq!(
            set(&[(0, 4), (5, 9)]).between().collect::<Vec<_>>(),
            [Interval::new(UnixNanos(4), UnixNanos(5))]
        );
    }

    #[test]
    fn extreme_times_do_not_panic() {
        let all = set(&[(i64::MIN, i64::MAX)]);

        assert_eq!(all.difference(&set(&[(0, 1)])).iter().count(), 2);
        assert_eq!(all.nanos(), i64::MAX);
    }

    const END: i64 = 40;

    fn any_set() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((0..END, 0..END), 0..8)
    }

    proptest! {
        #[test]
        fn the_operations_agree_with_those_on_single_moments(a in any_set(), b in any_set()) {
            let (a, b) = (set(&a), set(&b));
            let has = |set: &IntervalSet, at: i64| set.iter().any(|i| i.from.0 <= at && at < i.to.0);

            for at in 0..END {
                prop_assert_eq!(has(&a.union(&b), at), has(&a, at) || has(&b, at));
                prop_assert_eq!(has(&a.intersection(&b), at), has(&a, at) && has(&b, at));
                prop_assert_eq!(has(&a.difference(&b), at), has(&a, at) && !has(&b, at));
            }
            for result in [a.union(&b), a.intersection(&b), a.difference(&b)] {
                prop_assert_eq!(result.iter().collect::<IntervalSet>(), result);
            }
        }
    }
}
