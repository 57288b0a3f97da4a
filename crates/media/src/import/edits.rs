//! The edit lists of an MP4 file (ISO 14496-12 section 8.6.6), which symphonia does not apply: when a track begins, and how
//! much of its start is the encoder's delay.
//!
//! Only the start is used: empty edits that delay a track, and the first position that is played. Damage is left to the
//! demuxer to report; here a damaged list has no effect.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use domain::SampleTime;

use crate::SAMPLE_RATE;

/// Most boxes that are looked at on one level. A recording of 24 hours that is written in fragments of 1 s has twice as
/// many as seconds.
const MAX_BOXES: usize = 200_000;

/// Most entries of an edit list; more are not read.
const MAX_EDITS: u32 = 64;

/// The media time of an edit that plays nothing.
const EMPTY: i64 = -1;

/// By how much each track is shifted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EditLists(Vec<(u32, SampleTime)>);

/// A box: its type and where its content is.
struct BoxAt {
    kind: [u8; 4],
    content: Range<u64>,
}

struct Edit {
    /// In the timescale of the movie.
    duration: u64,
    /// In the timescale of the track; [`EMPTY`] plays nothing.
    media_time: i64,
}

impl EditLists {
    /// Returns what to add to the timestamps of a track.
    pub(super) fn shift_of(&self, track: u32) -> SampleTime {
        let found = self.0.iter().find(|(id, _)| *id == track);
        found.map_or(SampleTime::ZERO, |(_, shift)| *shift)
    }
}

/// Reads the edit lists of all tracks and returns to the start of the file.
///
/// # Errors
/// The source fails.
pub(super) fn read<R: Read + Seek>(source: &mut R) -> io::Result<EditLists> {
    let result = read_lists(source);
    source.rewind()?;
    match result {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(EditLists::default()),
        other => other,
    }
}

fn read_lists<R: Read + Seek>(source: &mut R) -> io::Result<EditLists> {
    let end = source.seek(SeekFrom::End(0))?;
    let Some(movie) = find(source, 0..end, b"moov")? else {
        return Ok(EditLists::default());
    };
    let Some(movie_scale) = timescale(source, movie.clone(), b"mvhd")? else {
        return Ok(EditLists::default());
    };
    let mut lists = EditLists::default();
    for track in children(source, movie)?
        .into_iter()
        .filter(|found| &found.kind == b"trak")
    {
        lists.0.extend(track_shift(source, track.content, movie_scale)?);
    }
    Ok(lists)
}

/// Returns the id of a track and its shift; `None` if there is no edit list or it makes no sense.
fn track_shift<R: Read + Seek>(
    source: &mut R,
    track: Range<u64>,
    movie_scale: u32,
) -> io::Result<Option<(u32, SampleTime)>> {
    let Some(header) = find(source, track.clone(), b"tkhd")? else {
        return Ok(None);
    };
    let Some(edits) = find(source, track.clone(), b"edts")? else {
        return Ok(None);
    };
    let Some(list) = find(source, edits, b"elst")? else {
        return Ok(None);
    };
    let Some(media) = find(source, track, b"mdia")? else {
        return Ok(None);
    };
    let Some(media_scale) = timescale(source, media, b"mdhd")? else {
        return Ok(None);
    };
    let id = track_id(source, header)?;
    let edits = read_edits(source, list)?;
    Ok(shift(&edits, movie_scale, media_scale).map(|shift| (id, shift)))
}

fn shift(edits: &[Edit], movie_scale: u32, media_scale: u32) -> Option<SampleTime> {
    let first = edits.iter().position(|edit| edit.media_time != EMPTY)?;
    let delay: u64 = edits[..first]
        .iter()
        .map(|edit| edit.duration)
        .fold(0, u64::saturating_add);
    let skipped = u64::try_from(edits[first].media_time).ok()?;
    Some(to_samples(delay, movie_scale) - to_samples(skipped, media_scale))
}

fn to_samples(ticks: u64, scale: u32) -> SampleTime {
    let samples = u128::from(ticks) * u128::from(SAMPLE_RATE) / u128::from(scale.max(1));
    SampleTime::from_samples(u64::try_from(samples).unwrap_or(u64::MAX))
}

/// Reads the timescale of an `mvhd` or `mdhd` box within `parent`.
fn timescale<R: Read + Seek>(source: &mut R, parent: Range<u64>, kind: &[u8; 4]) -> io::Result<Option<u32>> {
    let Some(header) = find(source, parent, kind)? else {
        return Ok(None);
    };
    let times = if version(source, &header)? == 1 { 16 } else { 8 };
    let [scale] = words_at(source, header.start + 4 + times)?;
    Ok((scale > 0).then_some(scale))
}

fn track_id<R: Read + Seek>(source: &mut R, header: Range<u64>) -> io::Result<u32> {
    let times = if version(source, &header)? == 1 { 16 } else { 8 };
    let [id] = words_at(source, header.start + 4 + times)?;
    Ok(id)
}

fn read_edits<R: Read + Seek>(source: &mut R, list: Range<u64>) -> io::Result<Vec<Edit>> {
    let is_long = version(source, &list)? == 1;
    let entry_bytes = if is_long { 20 } else { 12 };
    let [count] = words_at(source, list.start + 4)?;
    let fits = list.end.saturating_sub(list.start + 8) / entry_bytes;
    let count = u64::from(count.min(MAX_EDITS)).min(fits);
    (0..count)
        .map(|n| read_edit(source, list.start + 8 + n * entry_bytes, is_long))
        .collect()
}

fn read_edit<R: Read + Seek>(source: &mut R, at: u64, is_long: bool) -> io::Result<Edit> {
    if is_long {
        let [d1, d0, m1, m0] = words_at(source, at)?;
        let duration = u64::from(d1) << 32 | u64::from(d0);
        let media_time = (u64::from(m1) << 32 | u64::from(m0)) as i64;
        return Ok(Edit { duration, media_time });
    }
    let [duration, media_time] = words_at(source, at)?;
    Ok(Edit {
        duration: duration.into(),
        media_time: (media_time as i32).into(),
    })
}

fn version<R: Read + Seek>(source: &mut R, full_box: &Range<u64>) -> io::Result<u8> {
    let [word] = words_at(source, full_box.start)?;
    Ok(word.to_be_bytes()[0])
}

fn find<R: Read + Seek>(source: &mut R, within: Range<u64>, kind: &[u8; 4]) -> io::Result<Option<Range<u64>>> {
    let mut at = within.start;
    for _ in 0..MAX_BOXES {
        let Some(found) = box_at(source, at, within.end)? else {
            break;
        };
        if found.kind == *kind {
            return Ok(Some(found.content));
        }
        at = found.content.end;
    }
    Ok(None)
}

fn children<R: Read + Seek>(source: &mut R, within: Range<u64>) -> io::Result<Vec<BoxAt>> {
    let mut boxes = Vec::new();
    let mut at = within.start;
    while boxes.len() < MAX_BOXES
        && let Some(found) = box_at(source, at, within.end)?
    {
        at = found.content.end;
        boxes.push(found);
    }
    Ok(boxes)
}

/// Reads the header of the box at `at`; `None` if it does not fit before `end`.
fn box_at<R: Read + Seek>(source: &mut R, at: u64, end: u64) -> io::Result<Option<BoxAt>> {
    let left = end.saturating_sub(at);
    if left < 8 {
        return Ok(None);
    }
    let [size, kind] = words_at(source, at)?;
    let (header, size) = match size {
        0 => (8, left),
        1 if left >= 16 => {
            let [high, low] = words_at(source, at + 8)?;
            (16, u64::from(high) << 32 | u64::from(low))
        }
        size => (8, size.into()),
    };
    let is_valid = (header..=left).contains(&size);
    Ok(is_valid.then(|| BoxAt {
        kind: kind.to_be_bytes(),
        content: at + header..at + size,
    }))
}

/// Reads big-endian words of 32 bits.
fn words_at<const N: usize>(source: &mut (impl Read + Seek), at: u64) -> io::Result<[u32; N]> {
    source.seek(SeekFrom::Start(at))?;
    let mut words = [0; N];
    for word in &mut words {
        let mut bytes = [0; 4];
        source.read_exact(&mut bytes)?;
        *word = u32::from_be_bytes(bytes);
    }
    Ok(words)
}
