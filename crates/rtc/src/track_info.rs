//! What the server reports about a published track.

use livekit_protocol as lk;

use crate::ids::{ParticipantSid, TrackSid};

/// A published track and who publishes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInfo {
    /// The track's sid.
    pub sid: TrackSid,
    /// The publisher's identity.
    pub identity: String,
    /// The sid of the publisher's connection.
    pub participant_sid: ParticipantSid,
    /// The publisher's name as shown to people; may be empty.
    pub display_name: String,
    /// What kind of participant the publisher is.
    pub participant_kind: ParticipantKind,
    /// Audio, video or data.
    pub kind: TrackKind,
    /// What the track is taken from.
    pub source: TrackSource,
    /// The track's name; may be empty.
    pub name: String,
    /// Whether the track is muted.
    pub muted: bool,
    /// The MIME type, such as `audio/opus` or `audio/red`. May be empty until media flows.
    pub mime_type: String,
    /// Whether the track is end-to-end encrypted and cannot be decoded. Unknown kinds of encryption count as encrypted.
    pub encrypted: bool,
    /// Whether the track has two channels.
    pub stereo: bool,
}

/// The kind of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Data tracks and unknown kinds.
    Data,
}

/// What a track is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackSource {
    /// Not named, or unknown.
    Unknown,
    /// A camera.
    Camera,
    /// A microphone.
    Microphone,
    /// The picture of a shared screen.
    ScreenShare,
    /// The sound of a shared screen.
    ScreenShareAudio,
}

/// The kind of a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParticipantKind {
    /// An ordinary client.
    Standard,
    /// LiveKit's ingress, which imports streams.
    Ingress,
    /// A recorder.
    Egress,
    /// A caller by telephone.
    Sip,
    /// An AI agent.
    Agent,
    /// Unknown kinds, and connectors to other platforms.
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
    fn unknown_values_become_data_unknown_and_other() {
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
