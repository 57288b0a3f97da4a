//! A folder keeps no content types: the extension tells.

use domain::ObjectKey;

const UNKNOWN: &str = "application/octet-stream";

/// The content type of what we store, by extension.
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
