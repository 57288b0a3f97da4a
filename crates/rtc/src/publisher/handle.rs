//! The handle on a publisher's session.

use std::{collections::hash_map::RandomState, hash::BuildHasher, time::Instant};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    core::{Command, Core},
    track::AudioTrack,
};
use crate::{
    config::ConnectConfig,
    driver,
    error::{JoinError, LeaveReason},
    signal::{Limits, Own},
    simulate::Fault,
    track_info::TrackSource,
};

/// A handful of events in a session's life.
const EVENT_CAPACITY: usize = 64;

/// What happens to a publisher.
#[derive(Debug)]
pub enum PublisherEvent {
    /// Signalling is lost; media goes on.
    Reconnecting,
    Resumed,
    /// Nothing follows.
    Left(LeaveReason),
}

/// How a track is announced. What is really sent is up to the frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioOptions {
    pub name: String,
    pub source: TrackSource,
    pub stereo: bool,
    /// Silence is left out (discontinuous transmission).
    pub dtx: bool,
    /// Each packet carries the one before once more (RFC 2198).
    pub red: bool,
    /// Only said, not done: payloads go out as they are.
    pub encrypted: bool,
    /// Muted from the start.
    pub muted: bool,
}

impl Default for AudioOptions {
    fn default() -> Self {
        Self {
            name: "microphone".into(),
            source: TrackSource::Microphone,
            stereo: false,
            dtx: true,
            red: false,
            encrypted: false,
            muted: false,
        }
    }
}

/// Why a track could not be published, or no frame be sent.
#[derive(Debug, Error)]
pub enum PublishError {
    #[error("LiveKit refused the track: {0}")]
    Refused(String),
    #[error("the track was not taken up in time")]
    TimedOut,
    #[error("the session is over")]
    Over,
}

/// A handle on a session; cheap to clone. When the last one and all its tracks are dropped the session leaves.
#[derive(Debug, Clone)]
pub struct Publisher {
    commands: mpsc::UnboundedSender<Command>,
    own: watch::Receiver<Own>,
}

/// Joins with a token that must not subscribe, so that there is one connection only.
pub async fn join(config: ConnectConfig) -> Result<(Publisher, mpsc::Receiver<PublisherEvent>), JoinError> {
    let limits = Limits {
        reconnect_for: config.reconnect_for,
        seed: RandomState::new().hash_one(config.url.as_str()),
    };
    let core = Core::new(Instant::now(), limits);
    let running = driver::start(core, config, EVENT_CAPACITY).await?;
    Ok((
        Publisher {
            commands: running.commands,
            own: running.own,
        },
        running.events,
    ))
}

impl Publisher {
    pub fn room_sid(&self) -> String {
        self.own.borrow().room_sid.clone()
    }

    pub fn participant_sid(&self) -> String {
        self.own.borrow().sid.clone()
    }

    pub fn identity(&self) -> String {
        self.own.borrow().identity.clone()
    }

    /// Returns when the server has taken the track and frames can be sent.
    pub async fn publish_audio(&self, options: AudioOptions) -> Result<AudioTrack, PublishError> {
        let (reply, published) = oneshot::channel();
        self.commands
            .send(Command::Publish { options, reply })
            .map_err(|_| PublishError::Over)?;
        let track = published.await.map_err(|_| PublishError::Over)??;
        Ok(AudioTrack::new(track, self.commands.clone()))
    }

    /// Says good-bye and waits until it is said, two seconds at most.
    pub async fn leave(mut self) {
        let _may_be_over = self.commands.send(Command::Leave);
        while self.own.changed().await.is_ok() {}
    }

    /// Vanishes without a word, as a machine that lost its power: the server notices 20 s later.
    pub fn drop_abruptly(self) {
        let _may_be_over = self.commands.send(Command::Vanish);
    }

    #[doc(hidden)]
    pub fn simulate(&self, fault: Fault) {
        let _may_be_over = self.commands.send(Command::Simulate(fault));
    }
}
