//! Whether a published track can be recorded. Pure.

use rtc::{TrackInfo, TrackKind, TrackSource};

use super::manifest::Publisher;
use crate::failure::Failure;

/// LiveKit's MIME types for Opus, with and without redundancy (RFC 2198); empty until media flows.
const OPUS_TYPES: [&str; 3] = ["", "audio/opus", "audio/red"];

/// Returns the publisher of a track that can be recorded. Refuses video, encrypted tracks and other codecs.
pub fn check(track: &TrackInfo) -> Result<Publisher, Failure> {
    if track.kind != TrackKind::Audio {
        return Err(Failure::video(&track.sid));
    }
    if track.encrypted {
        return Err(Failure::encrypted(&track.sid));
    }
    if !OPUS_TYPES.contains(&track.mime_type.to_ascii_lowercase().as_str()) {
        return Err(Failure::codec(&track.sid, &track.mime_type));
    }
    Ok(Publisher {
        identity: track.identity.as_str().into(),
        sid: track.participant_sid.as_str().into(),
        display_name: track.display_name.clone(),
        source: source_name(track.source).to_owned(),
    })
}

fn source_name(source: TrackSource) -> &'static str {
    match source {
        TrackSource::Unknown => "unknown",
        TrackSource::Camera => "camera",
        TrackSource::Microphone => "microphone",
        TrackSource::ScreenShare => "screen_share",
        TrackSource::ScreenShareAudio => "screen_share_audio",
    }
}

#[cfg(test)]
mod tests {
    use rtc::ParticipantKind;

    use super::*;

    fn microphone() -> TrackInfo {
        TrackInfo {
            sid: "TR_1".into(),
            identity: "ada".into(),
            participant_sid: "PA_1".into(),
            display_name: "Ada".into(),
            participant_kind: ParticipantKind::Standard,
            kind: TrackKind::Audio,
            source: TrackSource::Microphone,
            name: String::new(),
            muted: false,
            mime_type: "audio/red".into(),
            encrypted: false,
            stereo: false,
        }
    }

    #[test]
    fn opus_is_recorded_with_and_without_redundancy() {
        for mime_type in ["audio/red", "audio/opus", "audio/Opus", ""] {
            let publisher = check(&TrackInfo {
                mime_type: mime_type.into(),
                ..microphone()
            })
            .unwrap();
            assert_eq!(
                (publisher.identity.as_str(), publisher.source.as_str()),
                ("ada", "microphone")
            );
        }
    }

    #[test]
    fn video_encrypted_tracks_and_other_codecs_are_refused_by_name() {
        let table = [
            (
                TrackInfo {
                    kind: TrackKind::Video,
                    ..microphone()
                },
                "video",
            ),
            (
                TrackInfo {
                    encrypted: true,
                    ..microphone()
                },
                "end-to-end encrypted",
            ),
            (
                TrackInfo {
                    mime_type: "audio/pcmu".into(),
                    ..microphone()
                },
                "audio/pcmu",
            ),
        ];

        for (track, word) in table {
            let failure = check(&track).unwrap_err();
            assert!(failure.code == 400 && failure.message.contains(word), "{failure}");
        }
    }
}
