//! Byte ranges of objects, as in HTTP's `Range` header (RFC 9110 section 14.1.2).

use std::ops::Range;

/// A range of an object's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From `first` to the end.
    From { first: u64 },
    /// From `first` to `last`, both inclusive, or to the end if the object is shorter.
    Within { first: u64, last: u64 },
    /// The last `count` bytes, or all of a shorter object.
    Last { count: u64 },
}

impl ByteRange {
    /// Returns the byte offsets of this range in an object of `total` bytes, or `None` if they do not overlap.
    pub fn resolve(self, total: u64) -> Option<Range<u64>> {
        let (start, end) = match self {
            Self::From { first } => (first, total),
            Self::Within { first, last } => (first, last.saturating_add(1).min(total)),
            Self::Last { count } => (total.saturating_sub(count), total),
        };
        (start < end).then_some(start..end)
    }

    /// Returns the value of a `Range` header.
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
    fn a_range_is_clipped_to_the_object_and_rejected_outside_it() {
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
