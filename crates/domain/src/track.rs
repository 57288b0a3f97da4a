//! Published tracks, and which of them should be recorded.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::participant::ParticipantKind;
use crate::room::{ConsentPolicy, RecordingPolicy, Room};
use crate::text_enum::text_enum;
use crate::{MeetingId, ParticipantId, TrackId, TrackSid};

text_enum! {
    /// What a track carries.
    TrackKind {
        /// Audio.
        Audio = "audio",
        /// Video.
        Video = "video",
        /// Data messages.
        Data = "data",
        /// Something that this version does not know: a newer one wrote it.
        Other = "other",
    }
}

text_enum! {
    /// Where a track comes from, as its publisher names it.
    TrackSource {
        /// The publisher did not name a source.
        Unknown = "unknown",
        /// A camera.
        Camera = "camera",
        /// A microphone.
        Microphone = "microphone",
        /// The picture of a shared screen.
        ScreenShare = "screen_share",
        /// The sound of a shared screen.
        ScreenShareAudio = "screen_share_audio",
        /// A source that this version does not know: a newer one wrote it. Not taken for a microphone.
        Other = "other",
    }
}

text_enum! {
    /// Why a track has no recording.
    NotRecorded {
        /// It carries video.
        Video = "video",
        /// It carries data.
        Data = "data",
        /// It is the sound of a shared screen.
        ScreenShareAudio = "screen_share_audio",
        /// It is audio whose source is a camera, a screen, or one that this version does not know.
        Source = "source",
        /// It is end-to-end encrypted; a recorder would receive noise.
        E2ee = "e2ee",
        /// It is audio in another codec than Opus.
        Codec = "codec",
        /// Its publisher is an agent.
        Agent = "agent",
        /// Its publisher is a recorder.
        Recorder = "recorder",
        /// Its publisher is of a kind that this version does not know.
        ParticipantKind = "participant_kind",
        /// The room's recording policy.
        Policy = "policy",
        /// The room requires the publisher's consent, which is missing.
        Consent = "consent",
        /// It ended before its first packet.
        NoAudio = "no_audio",
        /// For a reason that this version does not know: a newer one wrote it.
        Other = "other",
    }
}

/// One published track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Our id.
    pub id: TrackId,
    /// The meeting.
    pub meeting_id: MeetingId,
    /// The publisher.
    pub participant_id: ParticipantId,
    /// The platform's id.
    pub sid: TrackSid,
    /// What it carries.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: TrackSource,
    /// `audio/opus`, `audio/red`, …; empty if the platform does not report it.
    pub mime_type: String,
    /// Whether it is end-to-end encrypted.
    pub encrypted: bool,
    /// When it was published.
    pub published_at: DateTime<Utc>,
    /// When it was unpublished; `None` while it is live.
    pub unpublished_at: Option<DateTime<Utc>>,
    /// Why it has no recording; `None` if it has one.
    pub not_recorded: Option<NotRecorded>,
}

/// A track as the platform describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedTrack {
    /// The platform's id.
    pub sid: TrackSid,
    /// What it carries.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: TrackSource,
    /// `audio/opus`, `audio/red`, …; empty if the platform does not report it.
    pub mime_type: String,
    /// Whether it is end-to-end encrypted.
    pub encrypted: bool,
}

impl Track {
    /// Returns why this track should not be recorded, or `None` if it should. A publisher whose kind is not known yet
    /// counts as a person until the platform has been asked, so that no audio is lost.
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
        (TrackKind::Other, _) => Some(NotRecorded::Other),
        (TrackKind::Audio, TrackSource::ScreenShareAudio) => Some(NotRecorded::ScreenShareAudio),
        (TrackKind::Audio, TrackSource::Camera | TrackSource::ScreenShare | TrackSource::Other) => {
            Some(NotRecorded::Source)
        }
        (TrackKind::Audio, TrackSource::Microphone | TrackSource::Unknown) if track.encrypted => {
            Some(NotRecorded::E2ee)
        }
        (TrackKind::Audio, _) => (!is_opus(&track.mime_type)).then_some(NotRecorded::Codec),
    }
}

/// RED (RFC 2198) carries Opus with redundancy; the server unpacks it for subscribers that ask for plain Opus.
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
        ParticipantKind::Recorder => Some(NotRecorded::Recorder),
        _ => Some(NotRecorded::ParticipantKind),
    }
}

fn refused_room(room: &Room) -> Option<NotRecorded> {
    match (room.recording, room.consent) {
        (RecordingPolicy::Off | RecordingPolicy::Prompt | RecordingPolicy::Other, _) => Some(NotRecorded::Policy),
        (RecordingPolicy::Automatic, ConsentPolicy::Require | ConsentPolicy::Other) => Some(NotRecorded::Consent),
        (RecordingPolicy::Automatic, ConsentPolicy::None | ConsentPolicy::Ask) => None,
    }
}
