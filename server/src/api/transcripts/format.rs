//! The formats in which a transcript is returned.

use axum::http::{HeaderMap, header};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::error::ApiError;

/// Format of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Json,
    /// Plain text, one line per utterance.
    Txt,
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
}

impl Format {
    const ALL: [Self; 4] = [Self::Json, Self::Txt, Self::Srt, Self::Vtt];

    const ALL_TYPES: &str = "application/json, text/plain, application/x-subrip, text/vtt";

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Txt => "text/plain; charset=utf-8",
            Self::Srt => "application/x-subrip; charset=utf-8",
            Self::Vtt => "text/vtt; charset=utf-8",
        }
    }

    /// Returns the format that `Accept` prefers (RFC 9110 section 12.5.1), JSON without such a header.
    pub fn from_accept(headers: &HeaderMap) -> Result<Self, ApiError> {
        let values: Vec<&str> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .collect();
        if values.is_empty() {
            return Ok(Self::Json);
        }
        let ranges: Vec<(f32, &str)> = values
            .iter()
            .flat_map(|v| v.split(','))
            .filter_map(parse_media_range)
            .collect();
        let best = Self::ALL.map(|format| (format.quality(&ranges), format));
        // Of equal qualities the first wins, so that `*/*` means JSON; `max_by` would return the last.
        let (quality, format) = best
            .into_iter()
            .reduce(|a, b| if b.0 > a.0 { b } else { a })
            .unwrap_or((0.0, Self::Json));
        if quality > 0.0 {
            Ok(format)
        } else {
            Err(ApiError::NotAcceptable(Self::ALL_TYPES))
        }
    }

    /// Returns the quality value of the most specific range that matches this format, 0 if none does.
    fn quality(self, ranges: &[(f32, &str)]) -> f32 {
        let essence = self.content_type().split(';').next().unwrap_or_default();
        let family = format!("{}/*", essence.split('/').next().unwrap_or_default());
        let quality_of = |range: &str| {
            ranges
                .iter()
                .find(|(_, r)| r.eq_ignore_ascii_case(range))
                .map(|(q, _)| *q)
        };
        quality_of(essence)
            .or_else(|| quality_of(&family))
            .or_else(|| quality_of("*/*"))
            .unwrap_or(0.0)
    }
}

/// Parses `text/vtt;q=0.5` into quality and media range.
fn parse_media_range(text: &str) -> Option<(f32, &str)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| range.contains('/'))?;
    let quality = parts
        .find_map(|p| p.strip_prefix("q="))
        .map_or(1.0, |q| q.parse().unwrap_or(0.0));
    Some((quality, range))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn from_accept(value: &'static [u8]) -> Option<Format> {
        let value = HeaderValue::from_bytes(value).unwrap();
        Format::from_accept(&HeaderMap::from_iter([(header::ACCEPT, value)])).ok()
    }

    #[test]
    fn the_format_of_the_highest_quality_is_chosen() {
        assert_eq!(Format::from_accept(&HeaderMap::new()).ok(), Some(Format::Json));
        for (accept, format) in [
            (&b"*/*"[..], Format::Json),
            (b"text/vtt", Format::Vtt),
            (b"text/*", Format::Txt),
            (b"application/x-subrip, */*;q=0.1", Format::Srt),
            (b"text/plain;q=0.2, text/vtt;q=0.9", Format::Vtt),
            (b"text/html,application/xhtml+xml,*/*;q=0.8", Format::Json),
            (b"TEXT/VTT;charset=utf-8", Format::Vtt),
        ] {
            assert_eq!(from_accept(accept), Some(format), "{}", String::from_utf8_lossy(accept));
        }
    }

    #[test]
    fn an_accept_header_without_any_of_our_formats_is_rejected() {
        for accept in [&b"image/png"[..], b"", b";;;", b"*/*;q=0", b"text/vtt;q=x", b"/"] {
            assert_eq!(from_accept(accept), None, "{}", String::from_utf8_lossy(accept));
        }
    }
}
