//! Finds out whether a Matroska file is whole. Its demuxer meets the end of the file in the same way if the file is whole and
//! if it is cut off.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;

/// Most elements that are looked at. A live stream of 24 hours of audio and video has 7 million.
const MAX_ELEMENTS: u32 = 20_000_000;

/// An element's header.
struct Header {
    id: u64,
    /// `None` if the writer did not know it, as in a live stream.
    size: Option<u64>,
    header_bytes: u64,
}

/// Whether the file ends where an element ends, as far as the sizes of its elements tell; returns to the start of the file.
///
/// # Errors
/// The source fails.
pub(super) fn is_whole<R: Read + Seek>(source: &mut R) -> io::Result<bool> {
    let end = source.seek(SeekFrom::End(0))?;
    source.rewind()?;
    let is_whole = ends_at(&mut BufReader::new(source.by_ref()), end)?;
    source.rewind()?;
    Ok(is_whole)
}

fn ends_at(source: &mut BufReader<impl Read + Seek>, end: u64) -> io::Result<bool> {
    let mut at: u64 = 0;
    for _ in 0..MAX_ELEMENTS {
        if at >= end {
            return Ok(true);
        }
        let Some(header) = read_header(source)? else {
            return Ok(false);
        };
        at += header.header_bytes;
        match header.size {
            Some(size) if size > end - at => return Ok(false),
            // the children of a whole segment are within it; its clusters need not be looked at
            Some(size) => {
                at += size;
                source.seek_relative(i64::try_from(size).unwrap_or(i64::MAX))?;
            }
            None if [SEGMENT, CLUSTER].contains(&header.id) => {}
            None => return Ok(false),
        }
    }
    Ok(false)
}

/// Reads a header; `None` if it is not valid or the file ends within it.
fn read_header(source: &mut impl Read) -> io::Result<Option<Header>> {
    let Some((id, id_bytes, _)) = read_number(source, 4, Marker::Kept)? else {
        return Ok(None);
    };
    let Some((size, size_bytes, is_unknown)) = read_number(source, 8, Marker::Removed)? else {
        return Ok(None);
    };
    Ok(Some(Header {
        id,
        size: (!is_unknown).then_some(size),
        header_bytes: id_bytes + size_bytes,
    }))
}

/// What happens to the bit that tells the length of a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Kept,
    Removed,
}

/// Reads a number of variable length (RFC 8794 section 4) and returns it, its length, and whether all its bits are set.
fn read_number(source: &mut impl Read, max_bytes: u32, marker: Marker) -> io::Result<Option<(u64, u64, bool)>> {
    let mut bytes = [0; 8];
    if source.read(&mut bytes[..1])? == 0 {
        return Ok(None);
    }
    let extra = bytes[0].leading_zeros();
    if extra >= max_bytes {
        return Ok(None);
    }
    let length = extra as usize + 1;
    match source.read_exact(&mut bytes[1..length]) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let number = bytes[..length]
        .iter()
        .fold(0, |number, &byte| number << 8 | u64::from(byte));
    let value_bits = (1_u64 << (7 * length)) - 1;
    let value = if marker == Marker::Kept {
        number
    } else {
        number & value_bits
    };
    Ok(Some((value, length as u64, number & value_bits == value_bits)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A header, a segment of unknown size, and in it a cluster of unknown size with one element of 3 bytes.
    const LIVE: &[u8] = &[
        0x1a, 0x45, 0xdf, 0xa3, 0x82, 1, 2, 0x18, 0x53, 0x80, 0x67, 0x01, 255, 255, 255, 255, 255, 255, 255, 0x1f,
        0x43, 0xb6, 0x75, 0xff, 0xe7, 0x83, 1, 2, 3,
    ];

    #[test]
    fn a_live_stream_is_whole_where_an_element_ends() {
        let whole_at: Vec<usize> = (1..=LIVE.len())
            .filter(|&length| is_whole(&mut Cursor::new(&LIVE[..length])).unwrap())
            .collect();

        assert_eq!(whole_at, [7, 19, 24, 29]);
    }

    #[test]
    fn a_segment_that_says_its_size_is_whole_only_with_all_of_it() {
        let mut file = vec![0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0x84];
        file.extend([0xec, 0x82, 0, 0]);

        assert!(is_whole(&mut Cursor::new(&file)).unwrap());
        assert!(!is_whole(&mut Cursor::new(&file[..13])).unwrap());
    }

    #[test]
    fn sizes_that_lie_are_not_believed() {
        for size in [
            [0x01, 0x7f, 255, 255, 255, 255, 255, 255],
            [0x01, 255, 255, 255, 255, 255, 255, 254],
        ] {
            let file = [&[0x1a, 0x45, 0xdf, 0xa3][..], &size].concat();

            assert!(!is_whole(&mut Cursor::new(file)).unwrap());
        }
    }
}
