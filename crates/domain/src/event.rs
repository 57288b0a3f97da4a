//! What a platform tells us, in our words. Nothing beyond the `platform` crate knows a platform's own.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::participant::ParticipantSeen;
use crate::text_enum::text_enum;
use crate::track::TrackSeen;
use crate::{EgressId, Identity, ParticipantSid, PlatformRoomSid, TrackSid};

text_enum! {
    /// Who carries a room's audio and video.
    PlatformKind {
        Livekit = "livekit",
        Daily = "daily",
        Whereby = "whereby",
    }
}

/// What makes an event the same event when it comes again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EventKey {
    pub platform: PlatformKind,
    /// The platform's id of the event, or a digest of its bytes where it has none.
    pub id: String,
}

/// A verified fact. A hint, not the truth: it may come twice, late, out of order or never.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlatformEvent {
    pub key: EventKey,
    /// The event's name as the platform sent it, for the inbox and for people.
    pub name: String,
    /// When it happened by the platform's clock; LiveKit gives whole seconds, rounded down.
    pub occurred_at: DateTime<Utc>,
    /// `None` for events that belong to no room.
    pub room: Option<EventRoom>,
    pub kind: EventKind,
}

/// The platform room of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRoom {
    /// As sent: it need not be a name that we allow.
    pub name: String,
    pub sid: PlatformRoomSid,
    /// Where the event says it; LiveKit's track and egress events do not.
    pub created_at: Option<DateTime<Utc>>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "snake_case")]
pub enum EventKind {
    /// The platform room began; again for the same room after the platform was restarted.
    MeetingStarted,
    MeetingEnded,
    ParticipantJoined(ParticipantSeen),
    ParticipantLeft(ParticipantSeen),
    /// Someone tried to join and never got through: nobody was there.
    ParticipantAborted,
    TrackPublished(TrackEvent),
    TrackUnpublished(TrackEvent),
    RecordingStarted(EgressReport),
    RecordingUpdated(EgressReport),
    RecordingEnded(EgressReport),
    /// An event that this version does not know, or that concerns no meeting.
    Unknown,
}

/// A track and the connection that publishes it. Name and kind of the participant are not told here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackEvent {
    pub identity: Identity,
    pub participant_sid: ParticipantSid,
    pub track: TrackSeen,
}

text_enum! {
    /// How far an egress is.
    EgressStatus {
        Starting = "starting",
        Active = "active",
        Ending = "ending",
        Complete = "complete",
        /// Ended whole, but before the track did.
        LimitReached = "limit_reached",
        Failed = "failed",
        Aborted = "aborted",
        /// A status that this version does not know; says nothing.
        Unknown = "unknown",
    }
}

impl EgressStatus {
    /// Whether nothing can follow it.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Complete | Self::LimitReached | Self::Failed | Self::Aborted)
    }
}

/// What an egress says of itself, by event or when asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressReport {
    /// `None` where the platform gave up before it made an id: such an egress is not one that we asked for.
    pub egress_id: Option<EgressId>,
    pub room_sid: Option<PlatformRoomSid>,
    /// `None` for an egress of something else than one track.
    pub track_sid: Option<TrackSid>,
    pub status: EgressStatus,
    /// Why it failed, in the platform's words.
    pub error: Option<String>,
    /// How it ended, in the platform's words.
    pub details: Option<String>,
    pub file: Option<EgressFile>,
    pub manifest_location: Option<String>,
    /// When the egress began, which is before its first packet.
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// The file that an egress writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressFile {
    /// The object's key, as the recorder chose it.
    pub key: Option<String>,
    /// Wall time of the first packet; `None` until there was one.
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub size_bytes: Option<i64>,
}
