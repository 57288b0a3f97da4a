//! The keys under which Daily stores raw tracks:
//! `{domain}/{room}/{recording start}-{participant's session, 36 characters}-{media}-{track start}`, times in milliseconds.

use chrono::{DateTime, Utc};

use crate::lenient::is_storable;

/// Length of a session id, which is a UUID.
const SESSION_LEN: usize = 36;

/// What a raw track's key says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackKey {
    /// When the recording began: the origin of the times in all its files.
    pub recording_started_at: DateTime<Utc>,
    /// The session of the person who published the track.
    pub session_id: String,
    /// What was published.
    pub media: TrackMedia,
    /// When the track began, by another clock than the times in the file.
    pub track_started_at: DateTime<Utc>,
}

/// What a raw track contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackMedia {
    /// A person's microphone.
    Microphone,
    /// The sound of a shared screen.
    ScreenAudio,
    /// A track with another name that ends in `-audio`.
    OtherAudio(String),
    /// Anything else, such as a camera.
    NotAudio(String),
}

impl TrackKey {
    /// Parses the last component of a key from the right, because the name of the media may contain dashes. Returns `None`
    /// for the key of another file.
    pub fn parse(key: &str) -> Option<Self> {
        let name = key.rsplit('/').next()?;
        let (start, rest) = name.split_once('-')?;
        let (session_id, rest) = rest.split_at_checked(SESSION_LEN)?;
        let (media, track_start) = without_extension(rest).strip_prefix('-')?.rsplit_once('-')?;
        if media.is_empty() || session_id.contains(char::is_control) {
            return None;
        }
        Some(Self {
            recording_started_at: millis(start)?,
            session_id: session_id.to_owned(),
            media: TrackMedia::of(media),
            track_started_at: millis(track_start)?,
        })
    }
}

impl TrackMedia {
    /// Whether the file contains sound.
    pub fn is_audio(&self) -> bool {
        !matches!(self, Self::NotAudio(_))
    }

    fn of(name: &str) -> Self {
        match name {
            "cam-audio" => Self::Microphone,
            "screen-audio" => Self::ScreenAudio,
            other if other.ends_with("-audio") => Self::OtherAudio(other.to_owned()),
            other => Self::NotAudio(other.to_owned()),
        }
    }
}

/// Removes an extension, which Daily's files do not have and copies of them may have.
fn without_extension(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension)) if extension.chars().all(|c| c.is_ascii_alphanumeric()) => stem,
        _ => name,
    }
}

/// Reads Unix milliseconds.
pub(super) fn millis(digits: &str) -> Option<DateTime<Utc>> {
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    let millis = is_number.then(|| digits.parse().ok()).flatten()?;
    DateTime::from_timestamp_millis(millis).filter(is_storable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: &str = "1f6f0a9e-7d0f-4a36-8a53-5f0f7c5a1b11";

    #[test]
    fn keys_of_every_media_are_parsed() {
        for (media, expected) in [
            ("cam-audio", TrackMedia::Microphone),
            ("screen-audio", TrackMedia::ScreenAudio),
            (
                "my-2-tracks-audio",
                TrackMedia::OtherAudio("my-2-tracks-audio".to_owned()),
            ),
            ("cam-video", TrackMedia::NotAudio("cam-video".to_owned())),
        ] {
            for extension in ["", ".webm"] {
                let key = format!("acme/standup-20260301/1772355605120-{SESSION}-{media}-1772355606480{extension}");
                let parsed = TrackKey::parse(&key).unwrap();
                assert_eq!(parsed.recording_started_at.timestamp_millis(), 1_772_355_605_120);
                assert_eq!(parsed.track_started_at.timestamp_millis(), 1_772_355_606_480);
                assert_eq!((parsed.session_id.as_str(), &parsed.media), (SESSION, &expected));
            }
        }
    }

    #[test]
    fn other_files_and_hostile_keys_are_no_tracks() {
        for key in [
            "",
            "/",
            "acme/standup/1772355605120",
            "acme/standup/1772355605120.event.json",
            "1772355605120-short-cam-audio-1772355606480",
            &format!("x-{SESSION}-cam-audio-1772355606480"),
            &format!("-5-{SESSION}-cam-audio-1772355606480"),
            &format!("1772355605120-{SESSION}-cam-audio-"),
            &format!("1772355605120-{SESSION}--1772355606480"),
            &format!("1772355605120-{SESSION}cam-audio-1772355606480"),
            &format!("1772355605120-{SESSION}-cam-audio-99999999999999999999"),
            &format!("+1772355605120-{SESSION}-cam-audio-1772355606480"),
            &format!("1772355605120-{}-cam-audio-1772355606480", "é".repeat(20)),
        ] {
            assert_eq!(TrackKey::parse(key), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn no_key_makes_the_parser_panic(key in "[0-9é/.a-z-]{0,90}") {
            let _ = TrackKey::parse(&key);
        }
    }
}
