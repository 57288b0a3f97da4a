//! Handles on a publisher.

use tokio::sync::{mpsc, watch};

use super::{
    command::{Command, Reply},
    core::PublisherCore,
    events::{PublishError, PublisherEvent},
    options::AudioOptions,
    track::AudioTrack,
};
use crate::{
    config::ConnectConfig,
    driver,
    error::JoinError,
    ids::{ParticipantSid, RoomSid},
    signal::LocalParticipant,
    simulate::Fault,
};

/// More events than a publisher's life usually has.
const EVENT_CAPACITY: usize = 64;

/// A handle on a participant that sends. Cheap to clone; when the last handle and all its tracks are dropped, the
/// participant leaves the room.
#[derive(Debug, Clone)]
pub struct Publisher {
    commands: mpsc::UnboundedSender<Command>,
    local: watch::Receiver<LocalParticipant>,
}

/// Joins a room to send.
///
/// The token must not allow subscribing, so that there is only one media connection (see
/// [`ApiKey::publisher_token`](crate::token::ApiKey::publisher_token)). Dropping the future before it completes leaves
/// the room.
pub async fn join(config: ConnectConfig) -> Result<(Publisher, mpsc::Receiver<PublisherEvent>), JoinError> {
    let client = driver::start(PublisherCore::new, config, EVENT_CAPACITY).await?;
    let publisher = Publisher {
        commands: client.commands,
        local: client.local,
    };
    Ok((publisher, client.events))
}

impl Publisher {
    /// Returns the sid of the room.
    pub fn room_sid(&self) -> RoomSid {
        self.local.borrow().room_sid.clone()
    }

    /// Returns the sid of our participant.
    pub fn participant_sid(&self) -> ParticipantSid {
        self.local.borrow().sid.clone()
    }

    /// Returns the identity of our participant, as the token names it.
    pub fn identity(&self) -> String {
        self.local.borrow().identity.clone()
    }

    /// Publishes a track. Returns once the server has accepted it and frames can be sent.
    pub async fn publish_audio(&self, options: AudioOptions) -> Result<AudioTrack, PublishError> {
        let (reply, published) = Reply::channel();
        self.commands
            .send(Command::Publish { options, reply })
            .map_err(|_| PublishError::Left)?;
        let track = published.await.map_err(|_| PublishError::Left)??;
        Ok(AudioTrack::new(track, self.commands.clone()))
    }

    /// Leaves the room. Returns once the server has been informed, or after two seconds.
    pub async fn leave(mut self) {
        let _may_have_left = self.commands.send(Command::Leave);
        while self.local.changed().await.is_ok() {}
    }

    /// Disappears without telling the server, like a machine that loses power. The server notices after 20 s.
    pub fn drop_abruptly(self) {
        let _may_have_left = self.commands.send(Command::Vanish);
    }

    #[doc(hidden)]
    pub fn simulate(&self, fault: Fault) {
        let _may_have_left = self.commands.send(Command::Simulate(fault));
    }
}
