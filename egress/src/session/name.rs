//! Builds the key of a recording's object from the path in a request. The path may contain LiveKit's templates, and our
//! own `{egress_id}`. Values are percent-encoded, so that none can leave its segment of the key.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Local, Utc};
use domain::{
    Identity, ObjectKey, PlatformCaptureId as EgressId, TrackSid,
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
