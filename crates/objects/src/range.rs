//! A stretch of an object, as HTTP's `Range` has it (RFC 9110 section 14.1.2).

use std::ops::Range;

/// Which bytes of an object are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From `first` to the end.
    From { first: u64 },
    /// From `first` to `last`, both included; what lies beyond the end is left out.
    Within { first: u64, last: u64 },
    /// The last `count` bytes, or all where there are fewer.
    Last { count: u64 },
}

impl ByteRange {
    /// The offsets that this range means in an object of `total` bytes, or `None` where it holds no byte of it.
    pub fn resolve(self, total: u64) -> Option<Range<u64>> {
        let (start, end) = match self {
            Self::From { first } => (first, total),
            Self::Within { first, last } => (first, last.saturating_add(1).min(total)),
            Self::Last { count } => (total.saturating_sub(count), total),
        };
        (start < end).then_some(start..end)
    }

    /// The value of a `Range` header.
    pub fn to_header(self) -> String {
        match self {
            Self::From { first } => format!("bytes={first}-"),
            Self::Within { first, last } => format!("bytes={first}-{last}"),
            Self::Last { count } => format!("bytes=-{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_object_and_refused_where_it_holds_nothing() {
        let table = [
            (ByteRange::From { first: 0 }, 10, Some(0..10)),
            (ByteRange::From { first: 9 }, 10, Some(9..10)),
            (ByteRange::From { first: 10 }, 10, None),
            (ByteRange::Within { first: 2, last: 4 }, 10, Some(2..5)),
            (
                ByteRange::Within {
                    first: 8,
                    last: u64::MAX,
                },
                10,
                Some(8..10),
            ),
            (ByteRange::Within { first: 4, last: 2 }, 10, None),
            (ByteRange::Last { count: 3 }, 10, Some(7..10)),
            (ByteRange::Last { count: 99 }, 10, Some(0..10)),
            (ByteRange::Last { count: 0 }, 10, None),
            (ByteRange::From { first: 0 }, 0, None),
        ];

        for (range, total, expected) in table {
            assert_eq!(range.resolve(total), expected, "{range:?} of {total}");
        }
    }
}
