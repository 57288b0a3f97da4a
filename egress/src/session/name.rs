//! Builds the key of a recording's object from the path in a request. The path may contain LiveKit's templates, and our
//! own `{egress_id}`. Values are percent-encoded, so that none can leave its segment of the key.

use chrono::{DateTime, Local, Utc};
use domain::{
    EgressId, Identity, ObjectKey, TrackSid,
    object_key::{BadObjectKey, encode_value, fit},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// File extensions that are replaced by ours, as LiveKit's worker does.
const MEDIA_EXTENSIONS: [&str; 8] = [".raw", ".mp3", ".ivf", ".mp4", ".ts", ".webm", ".m3u8", ".jpeg"];

/// The extension of an Opus recording.
const EXTENSION: &str = ".ogg";

/// The longest identity that matters: a longer one is cut.
const MAX_IDENTITY: usize = 256;

/// A path that results in no valid key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    #[error("{0:?} points outside the store; remove the '..'")]
    Outside(String),
    #[error(transparent)]
    Key(#[from] BadObjectKey),
}

/// A path whose templates are filled in, except those whose values only the room knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameTemplate {
    path: String,
    prefix: String,
}

/// The values that are known when a request is accepted.
#[derive(Clone, Debug)]
pub struct RequestValues<'a> {
    pub egress_id: &'a EgressId,
    pub room_name: &'a str,
    pub room_id: &'a str,
    pub track_id: &'a TrackSid,
    pub retry_count: i32,
    pub now: DateTime<Utc>,
}

/// The values that are known once the track is published.
#[derive(Clone, Debug)]
pub struct TrackValues<'a> {
    pub track_source: &'a str,
    pub publisher_identity: &'a Identity,
}

/// The name of a recording in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectName {
    /// Without the configured prefix, as in `FileInfo.filename`.
    pub filename: String,
    pub key: ObjectKey,
}

impl NameTemplate {
    /// Fills in the values of the request. Refuses a path that would leave the root of the store.
    pub fn new(path: &str, prefix: &str, values: &RequestValues<'_>) -> Result<Self, NameError> {
        let path = normalise(path)?;
        let path = if path.is_empty() || path.ends_with('/') {
            path + &default_name(values)
        } else {
            path
        };
        let template = Self {
            path: fill_in(&path, values),
            prefix: prefix.to_owned(),
        };
        // Values can make a key invalid only by their length. Every error is found now, while the caller still waits for
        // the answer, and none later, when the recording would have no name.
        template.resolve(&TrackValues {
            track_source: "screen_share_audio",
            publisher_identity: &Identity::from("x".repeat(MAX_IDENTITY).as_str()),
        })?;
        Ok(template)
    }

    /// Fills in the values of the track.
    pub fn resolve(&self, values: &TrackValues<'_>) -> Result<ObjectName, NameError> {
        let pairs = [
            ("{track_type}", "audio".to_owned()),
            ("{track_source}", encode_value(values.track_source)),
            ("{publisher_identity}", encode_value(values.publisher_identity.as_str())),
        ];
        let filename = fit(&with_extension(replace_all(&self.path, &pairs)), &self.prefix);
        let key = if self.prefix.is_empty() {
            filename.clone()
        } else {
            format!("{}/{filename}", self.prefix)
        };
        Ok(ObjectName {
            key: ObjectKey::parse(key)?,
            filename,
        })
    }
}

/// Resolves `.`, `..` and double slashes in the text of the path. A leading slash means the root of the store.
fn normalise(path: &str) -> Result<String, NameError> {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop().ok_or_else(|| NameError::Outside(path.to_owned()))?),
            segment => segments.push(segment),
        }
    }
    let is_folder = path.ends_with('/') && !segments.is_empty();
    Ok(segments.join("/") + if is_folder { "/" } else { "" })
}

fn default_name(values: &RequestValues<'_>) -> String {
    let retry = if values.retry_count > 0 { "-{retry}" } else { "" };
    format!("{{track_id}}-{{time}}{retry}")
}

fn fill_in(path: &str, values: &RequestValues<'_>) -> String {
    let mut pairs = vec![
        ("{egress_id}", encode_value(values.egress_id.as_str())),
        ("{room_name}", encode_value(values.room_name)),
        ("{room_id}", encode_value(values.room_id)),
        ("{track_id}", encode_value(values.track_id.as_str())),
        (
            "{time}",
            values.now.with_timezone(&Local).format("%Y-%m-%dT%H%M%S").to_string(),
        ),
        ("{utc}", values.now.format("%Y%m%d%H%M%S%3f").to_string()),
    ];
    if values.retry_count > 0 {
        pairs.push(("{retry}", values.retry_count.to_string()));
    }
    replace_all(path, &pairs)
}

/// A value is never mistaken for a template, because encoding replaces `{`.
fn replace_all(path: &str, pairs: &[(&str, String)]) -> String {
    pairs
        .iter()
        .fold(path.to_owned(), |path, (template, value)| path.replace(template, value))
}

fn with_extension(path: String) -> String {
    if path.ends_with(EXTENSION) {
        return path;
    }
    let stem = MEDIA_EXTENSIONS
        .iter()
        .find_map(|extension| path.strip_suffix(extension))
        .unwrap_or(&path);
    format!("{stem}{EXTENSION}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(egress_id: &'a EgressId, track_id: &'a TrackSid) -> RequestValues<'a> {
        RequestValues {
            egress_id,
            room_name: "../a/b",
            room_id: "RM_1",
            track_id,
            retry_count: 0,
            now: "2026-03-04T05:06:07.089Z".parse().unwrap(),
        }
    }

    fn name_in(prefix: &str, path: &str) -> Result<ObjectName, NameError> {
        let (egress_id, track_id) = ("EG_1".into(), "TR_1".into());
        let template = NameTemplate::new(path, prefix, &values(&egress_id, &track_id))?;
        template.resolve(&TrackValues {
            track_source: "microphone",
            publisher_identity: &"zoë/..".into(),
        })
    }

    fn name(path: &str) -> String {
        name_in("", path).unwrap().filename
    }

    #[test]
    fn templates_are_filled_in_with_encoded_values() {
        let table = [
            ("a/{room_name}/{room_id}.ogg", "a/..%2Fa%2Fb/RM_1.ogg"),
            (
                "{publisher_identity}-{track_source}.ogg",
                "zo%C3%AB%2F..-microphone.ogg",
            ),
            ("{track_id}-{track_type}-{egress_id}", "TR_1-audio-EG_1.ogg"),
            ("{utc}.ogg", "20260304050607089.ogg"),
            ("{retry}{unknown}.ogg", "{retry}{unknown}.ogg"),
        ];

        for (path, expected) in table {
            assert_eq!(name(path), expected, "{path}");
        }
    }

    #[test]
    fn a_retry_is_named_only_when_there_was_one() {
        let (egress_id, track_id) = ("EG_1".into(), "TR_1".into());
        let values = RequestValues {
            retry_count: 2,
            ..values(&egress_id, &track_id)
        };

        let template = NameTemplate::new("x-{retry}", "", &values).unwrap();

        assert_eq!(template.path, "x-2");
    }

    #[test]
    fn extensions_are_replaced_as_in_livekits_worker() {
        let table = [
            ("a.ogg", "a.ogg"),
            ("a.mp4", "a.ogg"),
            ("a.wav", "a.wav.ogg"),
            ("a", "a.ogg"),
            ("v1.2/a", "v1.2/a.ogg"),
            ("a.jpeg", "a.ogg"),
        ];

        for (path, expected) in table {
            assert_eq!(name(path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_without_a_name_gets_track_and_time() {
        for (path, start) in [
            ("", "TR_1-2026-03-0"),
            ("calls/", "calls/TR_1-2026-03-0"),
            ("/", "TR_1-2026-03-0"),
        ] {
            let name = name(path);
            assert!(name.starts_with(start) && name.ends_with(".ogg"), "{path}: {name}");
        }
    }

    #[test]
    fn paths_are_normalised_and_none_leaves_the_root() {
        for (path, expected) in [
            ("a/../b.ogg", "b.ogg"),
            ("./a//b.ogg", "a/b.ogg"),
            ("/out/x.ogg", "out/x.ogg"),
        ] {
            assert_eq!(name(path), expected, "{path}");
        }
        for path in [
            "..",
            "../x.ogg",
            "a/../../x.ogg",
            "a\\b.ogg",
            "a\n.ogg",
            &"x/".repeat(600),
        ] {
            assert!(name_in("", path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn the_prefix_is_part_of_the_key_but_not_of_the_file_name() {
        let name = name_in("calls/audio", "x.ogg").unwrap();

        assert_eq!(
            (name.filename.as_str(), name.key.as_str()),
            ("x.ogg", "calls/audio/x.ogg")
        );
    }

    #[test]
    fn every_accepted_path_has_a_key_for_every_identity() {
        let (egress_id, track_id) = ("EG_1".into(), "TR_1".into());
        let prefix = "p".repeat(domain::object_key::MAX_PREFIX_LEN);
        let paths = [
            "{publisher_identity}",
            "{publisher_identity}/{publisher_identity}/{publisher_identity}/{publisher_identity}",
            "{room_name}/{publisher_identity}-{publisher_identity}-{time}.ogg",
        ];
        let long = |part: &str| part.repeat(1000);

        for path in paths {
            let values = RequestValues {
                room_name: &long("🦀"),
                ..values(&egress_id, &track_id)
            };
            let template = NameTemplate::new(path, &prefix, &values).unwrap();
            for identity in [
                "".to_owned(),
                "..".to_owned(),
                long("x"),
                long("/"),
                long("é"),
                long("🦀"),
            ] {
                let track = TrackValues {
                    track_source: "microphone",
                    publisher_identity: &identity.as_str().into(),
                };
                let name = template.resolve(&track).unwrap();
                let segments = || name.filename.split('/');
                assert!(segments().all(|segment| segment.len() <= 250), "{name:?}");
                assert!(
                    name.key.manifest().as_str().len() <= 1024 && name.filename.ends_with(".ogg"),
                    "{name:?}"
                );
                assert_eq!(segments().count(), path.split('/').count(), "{name:?}");
            }
        }
    }
}
