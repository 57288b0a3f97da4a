//! Makes keys that every store accepts from values and paths of any length.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::MAX_LEN;

/// Characters of a template value that are not escaped: `[A-Za-z0-9._-]`.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// Longest encoded value in bytes. It leaves room for other values in the same segment.
const MAX_VALUE: usize = 200;

/// Longest segments in bytes. A file name may have 255; the manifest's is one longer than the audio's. The shorter ones
/// are for paths with so many segments that they are too long together.
const MAX_SEGMENTS: [usize; 3] = [250, 100, 64];

/// Stands for a segment whose values are empty.
const EMPTY_SEGMENT: &str = "_";

/// Separates the beginning of a text from its digest. No encoded value contains it.
const CUT: char = '~';

/// Bytes of the digest that stands for what was cut off: 128 bits, so that two texts never get the same key by chance.
const DIGEST_BYTES: usize = 16;

/// Longest extension that is kept when a name is cut, in bytes with its dot.
const MAX_EXTENSION: usize = 6;

/// Encodes a value as one segment of a key: percent-encoded outside `[A-Za-z0-9._-]`, and so are `.` and `..`. A long one
/// is cut and ends with a digest of the whole value.
pub fn encode_value(value: &str) -> String {
    match value {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        value => cut(&utf8_percent_encode(value, PLAIN).to_string(), MAX_VALUE),
    }
}

/// Shortens the segments of a path until each fits into a file name and all of them, below `prefix`, into a key. The
/// same path always gives the same result, and a path that fits is unchanged. A path with more than about fifteen
/// segments may remain too long.
pub fn fit(path: &str, prefix: &str) -> String {
    let is_short = |path: &String| prefix.len() + "/".len() + path.len() + ".json".len() <= MAX_LEN;
    let fitted = MAX_SEGMENTS.map(|max| {
        let segments = path.split('/').map(|segment| fit_segment(segment, max));
        segments.collect::<Vec<_>>().join("/")
    });
    let [.., shortest] = &fitted;
    fitted.iter().find(|path| is_short(path)).unwrap_or(shortest).clone()
}

fn fit_segment(segment: &str, max: usize) -> String {
    if segment.is_empty() {
        return EMPTY_SEGMENT.to_owned();
    }
    if segment.len() <= max {
        return segment.to_owned();
    }
    let extension = segment.rfind('.').filter(|dot| segment.len() - dot <= MAX_EXTENSION);
    let (stem, extension) = segment.split_at(extension.unwrap_or(segment.len()));
    cut(stem, max - extension.len()) + extension
}

/// Cuts a text to `max` bytes. What is cut off is replaced by a digest of the whole text.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max - CUT.len_utf8() - 2 * DIGEST_BYTES;
    while !text.is_char_boundary(end) || splits_escape(text, end) {
        end -= 1;
    }
    let digest = Sha256::digest(text);
    format!("{}{CUT}{}", &text[..end], hex::encode(&digest[..DIGEST_BYTES]))
}

/// Whether `end` is within an escape such as `%2F`.
fn splits_escape(text: &str, end: usize) -> bool {
    (1..=2).any(|back| end >= back && text.as_bytes()[end - back] == b'%')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{Identity, MeetingId, ObjectKey, PlatformCaptureId, RoomName};

    /// The longest file name, in bytes, with the manifest's extension instead of the audio's.
    const MAX_NAME: usize = 254;

    fn key(identity: &str) -> ObjectKey {
        let room = RoomName::parse("r".repeat(63)).unwrap();
        let meeting = MeetingId(Uuid::nil());
        let template = ObjectKey::recording_template(&room, meeting, &Identity::from(identity), &"TR_1".into());
        ObjectKey::recording(&template, &PlatformCaptureId::from("EG_1")).unwrap()
    }

    fn assert_fits(key: &ObjectKey) {
        assert!(
            key.as_str().len() + super::super::MAX_PREFIX_LEN + 2 <= MAX_LEN,
            "{key}"
        );
        for key in [key, &key.manifest()] {
            assert!(
                key.as_str().split('/').all(|segment| segment.len() <= MAX_NAME + 1),
                "{key}"
            );
        }
        assert_eq!(key.as_str().split('/').count(), 5, "{key}");
    }

    #[test]
    fn the_longest_identities_get_keys_that_every_store_accepts() {
        for long in ["x", ".", "/", "🦀", "é", "%", "~", "{egress_id}"].map(|part| part.repeat(256)) {
            assert_fits(&key(&long));
            let other = format!("{}y", &long[..long.len() - long.chars().last().unwrap().len_utf8()]);
            assert_ne!(key(&long), key(&other), "{long}");
        }
    }

    #[test]
    fn short_values_and_paths_are_unchanged() {
        for value in ["ada", "a.b-c_d", &"x".repeat(200)] {
            assert_eq!(encode_value(value), value);
        }
        for path in ["a.ogg", "a/b/c.ogg", &"x".repeat(250)] {
            assert_eq!(fit(path, ""), path);
        }
    }

    #[test]
    fn a_cut_text_keeps_its_beginning_and_its_extension() {
        let name = fit(&format!("{}.ogg", "ab".repeat(200)), "");
        let escapes = encode_value(&"🦀".repeat(100));

        assert!(
            name.starts_with("abab") && name.ends_with(".ogg") && name.len() == 250,
            "{name}"
        );
        let (kept, digest) = escapes.split_once('~').unwrap();
        assert!(kept.len() % 3 == 0 && digest.len() == 32, "{escapes}");
    }

    #[test]
    fn many_long_segments_fit_together_below_a_prefix() {
        let path = vec!["x".repeat(300); 6].join("/");
        let prefix = "p".repeat(400);

        let key = ObjectKey::parse(format!("{prefix}/{}", fit(&path, &prefix)));

        assert!(key.is_ok());
        assert_eq!(fit("a//b", ""), "a/_/b");
    }

    proptest! {
        #[test]
        fn every_identity_gives_a_key_that_every_store_accepts(identity in "\\PC{1,256}") {
            assert_fits(&key(&identity));
        }

        #[test]
        fn every_path_is_cut_to_segments_that_are_file_names(path in "[a-zé🦀%./]{1,3000}") {
            let fitted = fit(&path, "");
            prop_assert!(fitted.split('/').all(|segment| !segment.is_empty() && segment.len() <= MAX_SEGMENTS[0]));
            prop_assert_eq!(fit(&fitted, ""), fitted);
        }
    }
}
