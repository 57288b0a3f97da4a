//! The `Content-Range` header of responses (RFC 9110 section 14.4).

use aws_sdk_s3::config::http::HttpResponse;

use crate::ByteRange;

/// Returns the object's size in `Content-Range: bytes */1234` of a 416 response.
pub fn unsatisfied_total(response: &HttpResponse) -> Option<u64> {
    response
        .headers()
        .get("content-range")?
        .strip_prefix("bytes */")?
        .parse()
        .ok()
}

/// Returns the first offset and the object's size in `Content-Range: bytes 0-9/1234`. `None` if the header is invalid or
/// does not match `length`, or if the store ignored the requested range.
pub fn served_range(header: Option<&str>, requested: Option<ByteRange>, length: u64) -> Option<(u64, u64)> {
    let Some(header) = header else {
        return requested.is_none().then_some((0, length));
    };
    let (span, total) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let (first, last, total): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    let is_sane = first <= last && last < total && last - first + 1 == length;
    is_sane.then_some((first, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inconsistent_content_range_is_rejected() {
        let ranged = Some(ByteRange::From { first: 2 });

        assert_eq!(served_range(Some("bytes 2-9/10"), ranged, 8), Some((2, 10)));
        assert_eq!(served_range(None, None, 10), Some((0, 10)));
        for hostile in [
            "",
            "bytes",
            "bytes 2-9/*",
            "bytes 9-2/10",
            "bytes 2-10/10",
            "bytes 2-9/x",
            "bytes -1-9/10",
        ] {
            assert_eq!(served_range(Some(hostile), ranged, 8), None, "{hostile}");
        }
        assert_eq!(served_range(Some("bytes 0-18446744073709551615/1"), ranged, 0), None);
        assert_eq!(served_range(None, ranged, 10), None);
    }
}
