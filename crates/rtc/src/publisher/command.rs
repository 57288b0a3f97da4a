//! What the handles ask of the core.

use std::time::Instant;

use futures::channel::oneshot;

use super::{events::PublishError, options::AudioOptions, packetizer::OpusFrame};
use crate::{ids::TrackSid, simulate::Fault};

#[derive(Debug)]
pub(super) enum Command {
    Publish { options: AudioOptions, reply: Reply },
    Send { key: u64, frame: OpusFrame },
    SkipLost { key: u64, frame: OpusFrame },
    Mute { key: u64, muted: bool },
    Unpublish { key: u64 },
    Simulate(Fault),
    Leave,
    Vanish,
}

/// A track that the server has accepted.
#[derive(Debug, Clone)]
pub(super) struct PublishedTrack {
    /// Identifies the track in commands.
    pub key: u64,
    pub sid: TrackSid,
    /// When the track's RTP timestamp is 0.
    pub started: Instant,
}

/// Where the result of publishing goes.
#[derive(Debug)]
pub(super) struct Reply(oneshot::Sender<Result<PublishedTrack, PublishError>>);

impl Reply {
    pub fn channel() -> (Self, oneshot::Receiver<Result<PublishedTrack, PublishError>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    pub fn send(self, result: Result<PublishedTrack, PublishError>) {
        let _caller_may_be_gone = self.0.send(result);
    }
}
