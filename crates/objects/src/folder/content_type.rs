//! Content types in a folder, which are derived from extensions because a folder does not store them.

use domain::ObjectKey;

const UNKNOWN: &str = "application/octet-stream";

/// Returns the content type of an object by its extension.
pub fn of(key: &ObjectKey) -> &'static str {
    let (_, extension) = key.as_str().rsplit_once('.').unwrap_or_default();
    match extension {
        "ogg" => "audio/ogg",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "srt" => "application/x-subrip",
        "vtt" => "text/vtt",
        _ => UNKNOWN,
    }
}
