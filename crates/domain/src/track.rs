//! Published tracks, and which of them are recorded.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::participant::ParticipantKind;
use crate::room::{ConsentPolicy, RecordingPolicy, Room};
use crate::text_enum::text_enum;
use crate::{MeetingId, ParticipantId, TrackId, TrackSid};

text_enum! {
    /// What a track carries.
    TrackKind {
        Audio = "audio",
        Video = "video",
        Data = "data",
    }
}

text_enum! {
    /// Where a track comes from.
    TrackSource {
        Unknown = "unknown",
        Camera = "camera",
        Microphone = "microphone",
        ScreenShare = "screen_share",
        ScreenShareAudio = "screen_share_audio",
    }
}

text_enum! {
    /// Why a track has no recording.
    NotRecorded {
        Video = "video",
        Data = "data",
        ScreenShareAudio = "screen_share_audio",
        /// Audio of a camera or a screen that is not marked as such.
        Source = "source",
        /// End-to-end encrypted: a recorder would hear noise.
        E2ee = "e2ee",
        /// Audio that is not Opus.
        Codec = "codec",
        Agent = "agent",
        Recorder = "recorder",
        /// Published by neither a person nor anything that we know.
        ParticipantKind = "participant_kind",
        /// The room is not recorded.
        Policy = "policy",
        /// The room asks for everyone's own consent, and there is none.
        Consent = "consent",
        /// It ended before it carried a single packet.
        NoAudio = "no_audio",
    }
}

/// One published stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    pub id: TrackId,
    pub meeting_id: MeetingId,
    pub participant_id: ParticipantId,
    pub sid: TrackSid,
    pub kind: TrackKind,
    pub source: TrackSource,
    /// `audio/opus`, `audio/red`, …; empty where the platform does not say.
    pub mime_type: String,
    pub encrypted: bool,
    pub published_at: DateTime<Utc>,
    pub unpublished_at: Option<DateTime<Utc>>,
    pub not_recorded: Option<NotRecorded>,
}

/// A track as the platform describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackSeen {
    pub sid: TrackSid,
    pub kind: TrackKind,
    pub source: TrackSource,
    pub mime_type: String,
    pub encrypted: bool,
}

impl Track {
    /// Why this track is not to be recorded, or `None` if it is. Someone whose kind is not known yet counts as a
    /// person until the platform has been asked: a doubt must not cost audio.
    pub fn refusal(&self, publisher: Option<ParticipantKind>, room: &Room) -> Option<NotRecorded> {
        refused_track(self)
            .or_else(|| refused_publisher(publisher))
            .or_else(|| refused_room(room))
    }
}

fn refused_track(track: &Track) -> Option<NotRecorded> {
    match (track.kind, track.source) {
        (TrackKind::Video, _) => Some(NotRecorded::Video),
        (TrackKind::Data, _) => Some(NotRecorded::Data),
        (TrackKind::Audio, TrackSource::ScreenShareAudio) => Some(NotRecorded::ScreenShareAudio),
        (TrackKind::Audio, TrackSource::Camera | TrackSource::ScreenShare) => Some(NotRecorded::Source),
        (TrackKind::Audio, TrackSource::Microphone | TrackSource::Unknown) if track.encrypted => {
            Some(NotRecorded::E2ee)
        }
        (TrackKind::Audio, _) => (!is_opus(&track.mime_type)).then_some(NotRecorded::Codec),
    }
}

/// RED (RFC 2198) carries Opus with redundancy; every server unpacks it for a subscriber that asks for plain Opus.
fn is_opus(mime_type: &str) -> bool {
    mime_type.is_empty()
        || ["audio/opus", "audio/red"]
            .iter()
            .any(|known| mime_type.eq_ignore_ascii_case(known))
}

fn refused_publisher(kind: Option<ParticipantKind>) -> Option<NotRecorded> {
    match kind? {
        kind if kind.is_person() => None,
        ParticipantKind::Agent => Some(NotRecorded::Agent),
        ParticipantKind::Egress => Some(NotRecorded::Recorder),
        _ => Some(NotRecorded::ParticipantKind),
    }
}

fn refused_room(room: &Room) -> Option<NotRecorded> {
    match (room.recording, room.consent) {
        (RecordingPolicy::Off | RecordingPolicy::Prompt, _) => Some(NotRecorded::Policy),
        (RecordingPolicy::Automatic, ConsentPolicy::Require) => Some(NotRecorded::Consent),
        (RecordingPolicy::Automatic, ConsentPolicy::None | ConsentPolicy::Ask) => None,
    }
}
