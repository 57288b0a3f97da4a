//! What the server tells of a published track.

use livekit_protocol as lk;

use crate::ids::{ParticipantSid, TrackSid};

/// A published track and who publishes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInfo {
    pub sid: TrackSid,
    pub identity: String,
    pub participant_sid: ParticipantSid,
    pub display_name: String,
    pub participant_kind: ParticipantKind,
    pub kind: TrackKind,
    pub source: TrackSource,
    pub name: String,
    pub muted: bool,
    /// As `audio/opus` or `audio/red`; may be empty until media flows.
    pub mime_type: String,
    /// End-to-end encrypted, so nothing that we could play. A kind of encryption that we do not know counts.
    pub encrypted: bool,
    pub stereo: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackKind {
    Audio,
    Video,
    /// Data tracks and kinds that we do not know.
    Data,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackSource {
    Unknown,
    Camera,
    Microphone,
    ScreenShare,
    ScreenShareAudio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParticipantKind {
    Standard,
    Ingress,
    Egress,
    Sip,
    Agent,
    /// Kinds that we do not know, and those that carry people in by other ways.
    Other,
}

impl TrackInfo {
    pub(crate) fn new(participant: &lk::ParticipantInfo, track: &lk::TrackInfo) -> Self {
        Self {
            sid: track.sid.as_str().into(),
            identity: participant.identity.clone(),
            participant_sid: participant.sid.as_str().into(),
            display_name: participant.name.clone(),
            participant_kind: ParticipantKind::from_wire(participant.kind),
            kind: TrackKind::from_wire(track.r#type),
            source: TrackSource::from_wire(track.source),
            name: track.name.clone(),
            muted: track.muted,
            mime_type: track.mime_type.clone(),
            encrypted: track.encryption != lk::encryption::Type::None as i32,
            stereo: track.audio_features.contains(&(lk::AudioTrackFeature::TfStereo as i32)),
        }
    }
}

impl TrackKind {
    fn from_wire(kind: i32) -> Self {
        match lk::TrackType::try_from(kind) {
            Ok(lk::TrackType::Audio) => Self::Audio,
            Ok(lk::TrackType::Video) => Self::Video,
            Ok(lk::TrackType::Data) | Err(_) => Self::Data,
        }
    }
}

impl TrackSource {
    fn from_wire(source: i32) -> Self {
        match lk::TrackSource::try_from(source) {
            Ok(lk::TrackSource::Camera) => Self::Camera,
            Ok(lk::TrackSource::Microphone) => Self::Microphone,
            Ok(lk::TrackSource::ScreenShare) => Self::ScreenShare,
            Ok(lk::TrackSource::ScreenShareAudio) => Self::ScreenShareAudio,
            Ok(lk::TrackSource::Unknown) | Err(_) => Self::Unknown,
        }
    }

    pub(crate) fn to_wire(self) -> lk::TrackSource {
        match self {
            Self::Unknown => lk::TrackSource::Unknown,
            Self::Camera => lk::TrackSource::Camera,
            Self::Microphone => lk::TrackSource::Microphone,
            Self::ScreenShare => lk::TrackSource::ScreenShare,
            Self::ScreenShareAudio => lk::TrackSource::ScreenShareAudio,
        }
    }
}

impl ParticipantKind {
    fn from_wire(kind: i32) -> Self {
        use lk::participant_info::Kind;
        match Kind::try_from(kind) {
            Ok(Kind::Standard) => Self::Standard,
            Ok(Kind::Ingress) => Self::Ingress,
            Ok(Kind::Egress) => Self::Egress,
            Ok(Kind::Sip) => Self::Sip,
            Ok(Kind::Agent) => Self::Agent,
            Ok(_) | Err(_) => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_encryption_counts_as_encrypted() {
        let track = lk::TrackInfo {
            encryption: 77,
            ..Default::default()
        };

        let info = TrackInfo::new(&lk::ParticipantInfo::default(), &track);

        assert!(info.encrypted);
    }

    #[test]
    fn unknown_numbers_become_the_least_wanted_kind() {
        let track = lk::TrackInfo {
            r#type: 99,
            source: -5,
            ..Default::default()
        };
        let participant = lk::ParticipantInfo {
            kind: 1234,
            ..Default::default()
        };

        let info = TrackInfo::new(&participant, &track);

        assert_eq!(info.kind, TrackKind::Data);
        assert_eq!(info.source, TrackSource::Unknown);
        assert_eq!(info.participant_kind, ParticipantKind::Other);
    }
}
