//! Why an egress did not complete, with the texts and codes that LiveKit's clients expect.

use std::{error::Error, fmt::Display};

use serde::{Deserialize, Serialize};

/// How the message of an interruption begins.
const INTERRUPTED: &str = "interrupted: ";

/// The values of `EgressInfo.error` and `error_code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub message: String,
    /// An HTTP status code.
    pub code: i32,
}

impl Failure {
    /// A stop was requested before the first packet. The text is that of LiveKit's own worker.
    pub fn not_started() -> Self {
        Self::new("Start signal not received", 412)
    }

    /// The track ended, or a stop was requested, before the first packet of an active egress.
    pub fn no_audio() -> Self {
        Self::new("no_audio: the track ended before it sent a packet", 412)
    }

    pub fn track_not_found(track: impl Display) -> Self {
        Self::new(format!("track {track} not found"), 404)
    }

    /// The track is not muted, but nothing arrived for longer than any connection attempt takes.
    pub fn no_packets(track: impl Display) -> Self {
        Self::new(format!("no_packets: track {track} is not muted, but sent nothing"), 503)
    }

    pub fn room_not_found(room: &str) -> Self {
        Self::new(format!("room {room} no longer exists"), 404)
    }

    pub fn video(track: impl Display) -> Self {
        Self::new(
            format!("video: track {track} is not an audio track; this worker records audio only"),
            400,
        )
    }

    pub fn encrypted(track: impl Display) -> Self {
        Self::new(
            format!("e2ee: track {track} is end-to-end encrypted and cannot be recorded"),
            400,
        )
    }

    pub fn codec(track: impl Display, mime_type: &str) -> Self {
        Self::new(
            format!("codec: {mime_type} of track {track} is not supported; this worker records Opus"),
            400,
        )
    }

    pub fn join(cause: &dyn Error) -> Self {
        Self::new(format!("cannot join the room: {}", with_causes(cause)), 503)
    }

    /// What is wrong with a connection to the room that was lost.
    pub fn connection(reason: &rtc::LeaveReason) -> Self {
        let name = match reason {
            rtc::LeaveReason::MediaUnreachable => "media_unreachable",
            rtc::LeaveReason::NoMedia(_) => "no_media",
            _ => "connection_lost",
        };
        Self::new(format!("{name}: {reason}"), 503)
    }

    pub fn subscription(track: impl Display, cause: rtc::SubscriptionError) -> Self {
        let (name, code) = match cause {
            rtc::SubscriptionError::NotFound => return Self::track_not_found(track),
            rtc::SubscriptionError::CodecUnsupported => ("codec", 400),
            rtc::SubscriptionError::TimedOut => ("subscription_timed_out", 503),
        };
        Self::new(format!("{name}: cannot subscribe to track {track}: {cause}"), code)
    }

    /// The recorder was not there when the track ended, so the file may lack its end. Never used for a file whose end
    /// was seen.
    pub fn interrupted(how: impl Display) -> Self {
        Self::new(format!("{INTERRUPTED}{how}"), 500)
    }

    pub fn is_interruption(&self) -> bool {
        self.message.starts_with(INTERRUPTED)
    }

    /// A bug in this worker.
    pub fn internal(cause: impl Display) -> Self {
        Self::new(format!("internal error: {cause}"), 500)
    }

    pub fn limit_reached() -> Self {
        Self::new("Session limit reached", 413)
    }

    pub fn name(cause: impl Display) -> Self {
        Self::new(cause.to_string(), 400)
    }

    fn new(message: impl Into<String>, code: i32) -> Self {
        Self {
            message: message.into(),
            code,
        }
    }
}

/// The error and its causes in one line, for readers who do not see our log.
fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
