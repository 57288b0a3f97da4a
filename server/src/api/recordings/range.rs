//! The `Range` header (RFC 9110 section 14).

use axum::http::{HeaderMap, header};
use objects::ByteRange;

/// Returns the requested byte range. Malformed headers, other units and several ranges are ignored, as the RFC allows:
/// the whole file is then the response.
pub fn requested(headers: &HeaderMap) -> Option<ByteRange> {
    let value = headers.get(header::RANGE)?.to_str().ok()?;
    let (unit, set) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    match (first, last) {
        ("", count) => Some(ByteRange::Last { count: number(count)? }),
        (first, "") => Some(ByteRange::From { first: number(first)? }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            // A range that ends before it begins is invalid and therefore ignored, not unsatisfiable.
            (first <= last).then_some(ByteRange::Within { first, last })
        }
    }
}

/// Parses digits only: `parse` alone would accept a sign.
fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(value: &'static [u8]) -> Option<ByteRange> {
        let value = HeaderValue::from_bytes(value).unwrap();
        requested(&HeaderMap::from_iter([(header::RANGE, value)]))
    }

    #[test]
    fn one_byte_range_is_parsed() {
        assert_eq!(read(b"bytes=0-4"), Some(ByteRange::Within { first: 0, last: 4 }));
        assert_eq!(read(b"bytes=7-"), Some(ByteRange::From { first: 7 }));
        assert_eq!(read(b"bytes=-3"), Some(ByteRange::Last { count: 3 }));
        assert_eq!(read(b"Bytes= 0-0 "), Some(ByteRange::Within { first: 0, last: 0 }));
        assert_eq!(
            read(b"bytes=99999999999999999999-"),
            Some(ByteRange::From { first: u64::MAX })
        );
    }

    #[test]
    fn any_other_header_means_the_whole_file() {
        for bad in [
            &b""[..],
            b"bytes",
            b"bytes=",
            b"bytes=-",
            b"bytes=a-b",
            b"bytes=+1-2",
            b"bytes=4-2",
            b"bytes=0-1,3-4",
            b"items=0-1",
            b"bytes=1--2",
            b"\xff",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
