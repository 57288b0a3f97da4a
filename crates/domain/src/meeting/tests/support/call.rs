//! Builders of events.

use chrono::{DateTime, TimeDelta, Utc};

use super::{FIRST_MEETING, at};
use crate::event::{
    CaptureReport, CaptureStatus, CapturedFile, EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind, TrackEvent,
};
use crate::meeting::{LiveParticipant, LiveRoom};
use crate::participant::{ObservedParticipant, ParticipantKind};
use crate::track::{ObservedTrack, TrackKind, TrackSource};
use crate::{ObjectKey, RoomName};

/// Makes the events of one platform room. Times are in seconds after its creation.
#[derive(Clone)]
pub struct Call {
    pub sid: String,
    pub created_at: DateTime<Utc>,
    /// Whose tracks are recorded.
    pub speaker: String,
}

impl Call {
    pub fn new(sid: &str) -> Self {
        Self {
            sid: sid.to_owned(),
            created_at: at(0),
            speaker: "zoe".to_owned(),
        }
    }

    pub fn created(sid: &str, seconds: i64) -> Self {
        Self {
            sid: sid.to_owned(),
            created_at: at(seconds),
            ..Self::new(sid)
        }
    }

    /// The same call, in which somebody else is recorded.
    pub fn of(self, speaker: &str) -> Self {
        Self {
            speaker: speaker.to_owned(),
            ..self
        }
    }

    /// Events about rooms and participants carry the room's creation time; those about tracks and captures do not.
    pub fn event(&self, seconds: i64, kind: EventKind) -> PlatformEvent {
        let has_creation_time = matches!(
            kind,
            EventKind::MeetingStarted
                | EventKind::MeetingEnded
                | EventKind::ParticipantJoined(_)
                | EventKind::ParticipantLeft(_)
        );
        PlatformEvent {
            key: EventKey {
                platform: PlatformKind::Livekit,
                id: format!("{} {seconds} {kind:?}", self.sid),
            },
            name: "event".to_owned(),
            occurred_at: at(seconds),
            room: Some(self.room(has_creation_time)),
            kind,
        }
    }

    pub fn started(&self, seconds: i64) -> PlatformEvent {
        self.event(seconds, EventKind::MeetingStarted)
    }

    pub fn finished(&self, seconds: i64) -> PlatformEvent {
        self.event(seconds, EventKind::MeetingEnded)
    }

    pub fn joined(&self, seconds: i64, who: &ObservedParticipant) -> PlatformEvent {
        self.event(seconds, EventKind::ParticipantJoined(who.clone()))
    }

    pub fn left(&self, seconds: i64, who: &ObservedParticipant) -> PlatformEvent {
        self.event(seconds, EventKind::ParticipantLeft(who.clone()))
    }

    pub fn published(&self, seconds: i64, who: &ObservedParticipant, track: &ObservedTrack) -> PlatformEvent {
        self.event(seconds, EventKind::TrackPublished(track_event(who, track)))
    }

    pub fn unpublished(&self, seconds: i64, who: &ObservedParticipant, track: &ObservedTrack) -> PlatformEvent {
        self.event(seconds, EventKind::TrackUnpublished(track_event(who, track)))
    }

    /// A capture report, in the event that the platform sends for the status.
    pub fn capture(&self, seconds: i64, id: &str, track: &ObservedTrack, status: CaptureStatus) -> PlatformEvent {
        let report = self.report(seconds, id, track, status);
        let kind = match status {
            CaptureStatus::Starting => EventKind::CaptureStarted(report),
            status if status.is_terminal() => EventKind::CaptureEnded(report),
            _ => EventKind::CaptureUpdated(report),
        };
        self.event(seconds, kind)
    }

    pub fn report(&self, seconds: i64, id: &str, track: &ObservedTrack, status: CaptureStatus) -> CaptureReport {
        let has_audio = !matches!(status, CaptureStatus::Starting | CaptureStatus::Aborted);
        CaptureReport {
            platform_id: Some(id.into()),
            room_sid: Some(self.sid.as_str().into()),
            track_sid: Some(track.sid.clone()),
            requested_file: Some(self.requested_file(track)),
            status,
            updated_at: Some(at(seconds)),
            error: match status {
                CaptureStatus::Failed => Some("disk full".to_owned()),
                CaptureStatus::Aborted => Some("no_audio: the track ended before it sent a packet".to_owned()),
                _ => None,
            },
            details: None,
            files: Vec::from_iter(has_audio.then(|| CapturedFile {
                key: Some(format!("recordings/{id}.ogg")),
                started_at: Some(at(4)),
                ended_at: status.is_terminal().then(|| at(seconds)),
                size_bytes: (status.is_terminal() && status != CaptureStatus::Failed).then_some(12345),
                ..CapturedFile::default()
            })),
            manifest_location: None,
            started_at: Some(at(3)),
            ended_at: status.is_terminal().then(|| at(seconds)),
        }
    }

    /// What `start_recording` asks for in the first meeting of a store.
    pub fn requested_file(&self, track: &ObservedTrack) -> String {
        let room = RoomName::parse("standup").unwrap();
        ObjectKey::recording_template(&room, FIRST_MEETING, &self.speaker.as_str().into(), &track.sid)
    }

    pub fn live(&self, people: &[(&ObservedParticipant, &[ObservedTrack])]) -> LiveRoom {
        let participants = people.iter().map(|(participant, tracks)| LiveParticipant {
            participant: (*participant).clone(),
            tracks: tracks.to_vec(),
            capture_ids: Vec::new(),
            beat: None,
        });
        LiveRoom {
            room: self.room(true),
            listed_at: at(0),
            participants: participants.collect(),
        }
    }

    fn room(&self, has_creation_time: bool) -> EventRoom {
        let created_at = has_creation_time.then_some(self.created_at + TimeDelta::milliseconds(905));
        EventRoom {
            name: Some("standup".to_owned()),
            key: self.sid.as_str().into(),
            session: None,
            created_at,
        }
    }
}

fn track_event(who: &ObservedParticipant, track: &ObservedTrack) -> TrackEvent {
    TrackEvent {
        identity: who.identity.clone(),
        participant_sid: who.sid.clone(),
        track: track.clone(),
    }
}

impl LiveRoom {
    /// Adds somebody who is connected.
    pub fn with(mut self, participant: LiveParticipant) -> Self {
        self.participants.push(participant);
        self
    }
}

/// A connected recorder that announces captures.
pub fn recorder(captures: &[&str]) -> LiveParticipant {
    LiveParticipant {
        participant: ObservedParticipant {
            kind: ParticipantKind::Recorder,
            ..person("capture-1", "PA_9", 3)
        },
        tracks: Vec::new(),
        capture_ids: captures.iter().map(|id| (*id).into()).collect(),
        beat: None,
    }
}

/// A person's connection; it joined 456 ms after the given second.
pub fn person(identity: &str, sid: &str, joined: i64) -> ObservedParticipant {
    ObservedParticipant {
        sid: sid.into(),
        identity: identity.into(),
        display_name: identity.to_uppercase(),
        kind: ParticipantKind::Standard,
        joined_at: Some(at(joined) + TimeDelta::milliseconds(456)),
    }
}

pub fn microphone(sid: &str) -> ObservedTrack {
    ObservedTrack {
        sid: sid.into(),
        kind: TrackKind::Audio,
        source: TrackSource::Microphone,
        mime_type: "audio/red".to_owned(),
        encrypted: false,
    }
}
