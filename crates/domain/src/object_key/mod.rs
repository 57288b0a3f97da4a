//! Keys of objects in the store.

mod fit;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Identity, MeetingId, PlatformCaptureId, RoomName, TrackSid};

pub use fit::{encode_value, fit};

/// Longest key that every store accepts, in bytes (S3's limit).
const MAX_LEN: usize = 1024;

/// Longest prefix of all keys of a recorder, in bytes. It leaves room for the longest path that is recorded.
pub const MAX_PREFIX_LEN: usize = 400;

/// A key below the store's root: segments separated by slashes, none of them empty, `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ObjectKey(String);

/// The error of [`ObjectKey::parse`]: a key that would leave the store's root or that a store would not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a valid object key: use segments separated by single slashes, none of them '.' or '..', \
     at most {MAX_LEN} bytes in all"
)]
pub struct BadObjectKey(String);

impl ObjectKey {
    /// Parses a key.
    ///
    /// # Errors
    /// A segment is empty, `.` or `..`, or the key holds a backslash or a control character or is too long.
    pub fn parse(key: impl Into<String>) -> Result<Self, BadObjectKey> {
        let key = key.into();
        let bad_segment = |s: &str| s.is_empty() || s == "." || s == ".." || s.chars().any(char::is_control);
        if key.len() > MAX_LEN || key.contains('\\') || key.split('/').any(bad_segment) {
            return Err(BadObjectKey(key));
        }
        Ok(Self(key))
    }

    /// Returns the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key of the manifest of an audio object: the same name with `.json`.
    pub fn manifest(&self) -> Self {
        Self(format!("{}.json", self.0.strip_suffix(".ogg").unwrap_or(&self.0)))
    }

    /// Returns the file path of a request to record a track. `{egress_id}` is left for the recorder to fill in, because the
    /// platform assigns that id only then.
    pub fn recording_template(room: &RoomName, meeting: MeetingId, identity: &Identity, track: &TrackSid) -> String {
        format!("recordings/{room}/{}", recording_tail(meeting, identity, track))
    }

    /// Returns the key of the object that a capture writes to the path of `template`.
    ///
    /// # Errors
    /// The template does not give a valid key.
    pub fn recording(template: &str, capture: &PlatformCaptureId) -> Result<Self, BadObjectKey> {
        Self::parse(fit(
            &template.replace("{egress_id}", &encode_value(capture.as_str())),
            "",
        ))
    }

    /// Whether a capture that was asked to write to `requested` writes to this key: the same, or below the prefix that
    /// the recorder puts before all keys.
    pub fn is_below_prefix(&self, requested: &Self) -> bool {
        let prefix = self.0.strip_suffix(requested.as_str());
        prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('/'))
    }

    /// Returns the key of a meeting's transcript in the format with this file extension.
    pub fn transcript(meeting: MeetingId, extension: &str) -> Self {
        Self(format!("transcripts/{meeting}/transcript.{extension}"))
    }
}

/// Whether `path` is the file that was requested for a track in a meeting: the template of the request, or the key that
/// the recorder of `capture` made of it, below any prefix. The meeting's id makes it unique.
pub(crate) fn is_recording_path(
    path: &str,
    meeting: MeetingId,
    identity: &Identity,
    track: &TrackSid,
    capture: &PlatformCaptureId,
) -> bool {
    let Ok(path) = ObjectKey::parse(path) else {
        return false;
    };
    let template = recording_tail(meeting, identity, track);
    let key = template.replace("{egress_id}", &encode_value(capture.as_str()));
    [template, key]
        .map(ObjectKey)
        .iter()
        .any(|ours| path.is_below_prefix(ours))
}

/// Returns the part of a recording's template after the room.
fn recording_tail(meeting: MeetingId, identity: &Identity, track: &TrackSid) -> String {
    let (identity, track) = (encode_value(identity.as_str()), encode_value(track.as_str()));
    format!("{meeting}/{identity}/{track}-{{egress_id}}.ogg")
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ObjectKey {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn keys_stay_below_the_root() {
        for good in ["a", "recordings/r/m/i/TR_x-EG_y.ogg", "a/..b/c"] {
            assert_eq!(ObjectKey::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            "a/.",
            "a\\b",
            "a\n",
            &"x".repeat(1025),
        ] {
            assert!(ObjectKey::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_is_ours_only_as_we_requested_it_below_any_prefix() {
        let (meeting, identity) = (MeetingId(Uuid::nil()), Identity::from("zo\u{eb}"));
        let is_ours = |path: &str| is_recording_path(path, meeting, &identity, &"TR_1".into(), &"EG_1".into());
        let room = RoomName::parse("standup").unwrap();
        let template = ObjectKey::recording_template(&room, meeting, &identity, &"TR_1".into());
        let key = template.replace("{egress_id}", "EG_1");

        for ours in [template.clone(), key.clone(), format!("tenant/a/{key}")] {
            assert!(is_ours(&ours), "{ours}");
        }
        for foreign in [
            String::new(),
            "{room_name}/{track_id}.ogg".to_owned(),
            key.replace("EG_1", "EG_2"),
            key.replace("TR_1", "TR_2"),
            key.replace("zo%C3%AB", "ada"),
            format!("{key}.part"),
            template.replace(&Uuid::nil().to_string(), &Uuid::max().to_string()),
        ] {
            assert!(!is_ours(&foreign), "{foreign}");
        }
    }

    #[test]
    fn a_hostile_identity_is_one_segment_of_the_key() {
        let room = RoomName::parse("standup").unwrap();
        let template = |identity: &str| {
            ObjectKey::recording_template(&room, MeetingId(Uuid::nil()), &identity.into(), &"TR_1".into())
        };

        let key = ObjectKey::recording(&template("../../etc/zoë {egress_id}"), &"EG_1".into()).unwrap();
        let dots = ObjectKey::recording(&template(".."), &"EG_1".into()).unwrap();

        let meeting = Uuid::nil();
        assert_eq!(
            key.as_str(),
            format!("recordings/standup/{meeting}/..%2F..%2Fetc%2Fzo%C3%AB%20%7Begress_id%7D/TR_1-EG_1.ogg")
        );
        assert_eq!(
            dots.as_str(),
            format!("recordings/standup/{meeting}/%2E%2E/TR_1-EG_1.ogg")
        );
        assert_eq!(
            dots.manifest().as_str(),
            format!("recordings/standup/{meeting}/%2E%2E/TR_1-EG_1.json")
        );
    }

    #[test]
    fn a_requested_key_is_known_below_any_prefix() {
        let key = |key: &str| ObjectKey::parse(key).unwrap();
        let requested = key("recordings/a.ogg");

        for same in ["recordings/a.ogg", "calls/recordings/a.ogg", "x/y/recordings/a.ogg"] {
            assert!(key(same).is_below_prefix(&requested), "{same}");
        }
        for other in ["recordings/b.ogg", "a.ogg", "myrecordings/a.ogg", "recordings/a.ogg/b"] {
            assert!(!key(other).is_below_prefix(&requested), "{other}");
        }
    }
}
