//! Events of a platform, translated into our terms by the `platform` crate.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::participant::ObservedParticipant;
use crate::text_enum::text_enum;
use crate::track::ObservedTrack;
use crate::{Identity, ParticipantSid, PlatformCaptureId, PlatformFileId, PlatformRoomKey, PlatformSession, TrackSid};

text_enum! {
    /// The service that carries a room's audio and video.
    PlatformKind {
        /// LiveKit, self-hosted or LiveKit Cloud.
        Livekit = "livekit",
        /// Daily.
        Daily = "daily",
        /// Whereby.
        Whereby = "whereby",
        /// A platform that this version does not know: a newer one wrote it. It is configured nowhere, so nothing is asked of
        /// it.
        Other = "other",
    }
}

impl PlatformKind {
    /// Whether a room is made on the platform for each meeting, before the first person can join. Others make it by themselves
    /// when the first person joins.
    pub fn needs_made_rooms(self) -> bool {
        match self {
            Self::Livekit | Self::Other => false,
            Self::Daily | Self::Whereby => true,
        }
    }

    /// Whether several meetings can take place in one room of the platform, one after the other, told apart by sessions.
    pub fn has_sessions(self) -> bool {
        match self {
            Self::Livekit | Self::Other => false,
            Self::Daily | Self::Whereby => true,
        }
    }
}

/// Identifies an event, so that a redelivery is recognized.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EventKey {
    /// The platform that sent the event.
    pub platform: PlatformKind,
    /// The platform's id of the event, or a digest of the body if the platform gives none.
    pub id: String,
}

/// A verified event. A hint, not the truth: it may arrive twice, late, out of order or never.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlatformEvent {
    /// Identifies the event across redeliveries.
    pub key: EventKey,
    /// The event's name as the platform sent it.
    pub name: String,
    /// When it happened by the platform's clock. It may be in whole seconds, rounded down.
    pub occurred_at: DateTime<Utc>,
    /// `None` for events that belong to no room.
    pub room: Option<EventRoom>,
    /// What happened.
    pub kind: EventKind,
}

/// The platform room of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRoom {
    /// The name of our room, on platforms whose rooms carry it; not necessarily a name that we allow. `None` where the room
    /// is found by its key: we made it, and stored which room of ours it belongs to.
    pub name: Option<String>,
    /// The platform's id of the room.
    #[serde(alias = "sid")] // its name in events that were stored earlier
    pub key: PlatformRoomKey,
    /// The platform's id of the meeting in the room, if the event names it.
    #[serde(default)]
    pub session: Option<PlatformSession>,
    /// When the meeting began: its session, or the platform room if that has none. `None` if the event does not tell.
    pub created_at: Option<DateTime<Utc>>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "snake_case")]
pub enum EventKind {
    /// The platform room was created, or restored after the platform restarted.
    MeetingStarted,
    /// The platform room ended.
    MeetingEnded,
    /// A participant connected.
    ParticipantJoined(ObservedParticipant),
    /// A participant's connection ended.
    ParticipantLeft(ObservedParticipant),
    /// A participant tried to join and never connected.
    ParticipantAborted,
    /// A track was published.
    TrackPublished(TrackEvent),
    /// A track was unpublished.
    TrackUnpublished(TrackEvent),
    /// A capture was created.
    #[serde(alias = "recording_started")]
    CaptureStarted(CaptureReport),
    /// A capture changed.
    #[serde(alias = "recording_updated")]
    CaptureUpdated(CaptureReport),
    /// A capture ended.
    #[serde(alias = "recording_ended")]
    CaptureEnded(CaptureReport),
    /// An event whose name is unknown, or that lacks its participant, track or capture.
    Unknown,
}

/// A track and the connection that publishes it. Track events carry neither name nor kind of the participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackEvent {
    /// The publisher.
    pub identity: Identity,
    /// The publishing connection.
    pub participant_sid: ParticipantSid,
    /// The track.
    pub track: ObservedTrack,
}

text_enum! {
    /// The status of a capture, as its platform reports it.
    CaptureStatus {
        /// Joining the room or waiting for the track.
        Starting = "starting",
        /// Connected to its track.
        Active = "active",
        /// Storing the file.
        Ending = "ending",
        /// The file is stored.
        Complete = "complete",
        /// The file is stored and whole, but ends before the track did.
        LimitReached = "limit_reached",
        /// Ended by an error.
        Failed = "failed",
        /// Ended without a file.
        Aborted = "aborted",
        /// A status that this version does not know. Has no effect.
        Unknown = "unknown",
    }
}

impl CaptureStatus {
    /// Whether no other status can follow.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Complete | Self::LimitReached | Self::Failed | Self::Aborted)
    }
}

/// The description of a capture, in an event or in the platform's answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureReport {
    /// `None` if the platform failed before it assigned an id. Such a capture is never one of ours.
    #[serde(alias = "egress_id")]
    pub platform_id: Option<PlatformCaptureId>,
    /// The platform room.
    pub room_sid: Option<PlatformRoomKey>,
    /// `None` for a capture that does not record a single track.
    pub track_sid: Option<TrackSid>,
    /// The path of the file in the request. Its template values are not filled in.
    #[serde(default)]
    pub requested_file: Option<String>,
    /// The status of the capture.
    pub status: CaptureStatus,
    /// When the recorder wrote this report, by its clock.
    #[serde(default)]
    pub updated_at: Option<DateTime<Utc>>,
    /// Why it failed, in the platform's words.
    pub error: Option<String>,
    /// How it ended, in the platform's words.
    pub details: Option<String>,
    /// The files that it writes. Older versions stored at most one, as `file`.
    #[serde(default, alias = "file", deserialize_with = "none_one_or_many")]
    pub files: Vec<CapturedFile>,
    /// Where the manifest is stored, as the recorder reports it.
    pub manifest_location: Option<String>,
    /// When the capture started, which is before its first packet.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A file that a capture writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedFile {
    /// The platform's id of the file. `None` if the capture writes only one.
    #[serde(default)]
    pub id: Option<PlatformFileId>,
    /// Who is heard in it; `None` if it is mixed, or the platform does not say.
    #[serde(default)]
    pub identity: Option<Identity>,
    /// The connection of who is heard in it, on platforms that name that and not the person.
    #[serde(default)]
    pub participant_sid: Option<ParticipantSid>,
    /// The track that it holds; `None` if it is mixed, or the platform does not say.
    #[serde(default)]
    pub track_sid: Option<TrackSid>,
    /// Whether it holds the voices of several people in one.
    #[serde(default)]
    pub mixed: bool,
    /// The object's key as the recorder chose it.
    pub key: Option<String>,
    /// Wall time of the first packet; `None` before it.
    pub started_at: Option<DateTime<Utc>>,
    /// Wall time of the end of the audio.
    pub ended_at: Option<DateTime<Utc>>,
    /// Size of the stored object.
    pub size_bytes: Option<i64>,
}

fn none_one_or_many<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<CapturedFile>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Files {
        Many(Vec<CapturedFile>),
        One(Box<CapturedFile>),
    }
    Ok(match Option::deserialize(from)? {
        None => Vec::new(),
        Some(Files::One(file)) => vec![*file],
        Some(Files::Many(files)) => files,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_an_older_version_stored_is_read() {
        let report = r#"{"egress_id": "EG_1", "room_sid": "RM_1", "track_sid": "TR_1", "status": "active", "error": null,
                         "details": null, "file": {"key": "a.ogg", "started_at": null, "ended_at": null, "size_bytes": 7}, "manifest_location": null, "started_at": null, "ended_at": null}"#;
        let report: CaptureReport = serde_json::from_str(report).unwrap();

        assert_eq!(report.platform_id, Some("EG_1".into()));
        assert_eq!(report.files[0].size_bytes, Some(7));
        let without = r#"{"egress_id": "EG_1", "status": "active", "file": null}"#;
        assert_eq!(serde_json::from_str::<CaptureReport>(without).unwrap().files, []);
        let now = serde_json::to_value(&report).unwrap();
        for (kind, expected) in [
            ("recording_started", EventKind::CaptureStarted(report.clone())),
            ("recording_updated", EventKind::CaptureUpdated(report.clone())),
            ("recording_ended", EventKind::CaptureEnded(report)),
        ] {
            let stored = serde_json::json!({"kind": kind, "of": now});
            assert_eq!(serde_json::from_value::<EventKind>(stored).unwrap(), expected);
        }
    }
}
