//! Rooms: permanent places with a name and settings.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event::PlatformKind;
use crate::text_enum::text_enum;
use crate::{RoomId, RoomName};

text_enum! {
    /// When a room's meetings are recorded.
    RecordingPolicy {
        /// Every microphone is recorded from the moment it is published.
        Automatic = "automatic",
        /// Recorded on request.
        Prompt = "prompt",
        /// Never recorded.
        Off = "off",
        /// A policy that this version does not know: a newer one wrote it. Nothing is recorded under it, because who was
        /// recorded against a room's policy cannot be unrecorded; programs that know it record.
        Other = "other",
    }
}

text_enum! {
    /// Whether participants are asked for their consent.
    ConsentPolicy {
        /// Nobody is asked.
        None = "none",
        /// Everyone is asked. Recording starts at once; a refusal stops the recording and deletes it.
        Ask = "ask",
        /// Everyone is asked, and recorded only after they consent.
        Require = "require",
        /// A policy that this version does not know: a newer one wrote it. The strictest is assumed.
        Other = "other",
    }
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Our id.
    pub id: RoomId,
    /// The name that people use.
    pub name: RoomName,
    /// The platform that carries its meetings.
    pub platform: PlatformKind,
    /// When its meetings are recorded.
    pub recording: RecordingPolicy,
    /// Whether participants are asked for their consent.
    pub consent: ConsentPolicy,
    /// The language spoken in it.
    pub language: Language,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When a setting last changed.
    pub updated_at: DateTime<Utc>,
}

impl Room {
    /// Creates a room with the default settings: recorded automatically, nobody is asked, English.
    pub fn new(id: RoomId, name: RoomName, platform: PlatformKind, now: DateTime<Utc>) -> Self {
        Self {
            id,
            name,
            platform,
            recording: RecordingPolicy::Automatic,
            consent: ConsentPolicy::None,
            language: Language::default(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// The language spoken in a room: a BCP 47 tag of a language and optional script, region and variants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Language(String);

/// The error of [`Language::parse`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a language must be a tag such as 'en', 'de-CH' or 'zh-Hant'")]
pub struct BadLanguage;

impl Language {
    /// Longest tag that is accepted, in bytes (RFC 5646 section 4.4.1 recommends room for 35).
    pub const MAX_LEN: usize = 35;

    /// Parses a tag such as `en`, `de-CH` or `zh-Hant`.
    ///
    /// # Errors
    /// The text is not a tag of a 2- or 3-letter language, or longer than [`Self::MAX_LEN`].
    pub fn parse(tag: impl Into<String>) -> Result<Self, BadLanguage> {
        let tag = tag.into();
        let mut subtags = tag.split('-');
        let language = subtags.next().unwrap_or_default();
        let language_ok = matches!(language.len(), 2 | 3) && language.bytes().all(|b| b.is_ascii_lowercase());
        let subtag_ok = |s: &str| matches!(s.len(), 2..=8) && s.bytes().all(|b| b.is_ascii_alphanumeric());
        if tag.len() > Self::MAX_LEN || !language_ok || !subtags.all(subtag_ok) {
            return Err(BadLanguage);
        }
        Ok(Self(tag))
    }

    /// Returns the tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Language {
    fn default() -> Self {
        Self("en".to_owned())
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_short_lower_case_tag() {
        for good in ["en", "de-CH", "zh-Hant-TW", "yue"] {
            assert_eq!(Language::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "e",
            "EN",
            "english",
            "en_US",
            "en-",
            "-en",
            "en-a",
            "en-ä",
            &format!("en{}", "-abcdefgh".repeat(4)),
        ] {
            assert_eq!(Language::parse(bad), Err(BadLanguage), "{bad:?}");
        }
    }

    #[test]
    fn policies_use_the_words_of_the_database() {
        assert_eq!("automatic".parse(), Ok(RecordingPolicy::Automatic));
        assert_eq!(serde_json::to_string(&ConsentPolicy::Require).unwrap(), r#""require""#);
        assert_eq!(
            "maybe".parse::<ConsentPolicy>().unwrap_err().to_string(),
            r#""maybe" is not one of: none, ask, require, other"#
        );
    }
}
