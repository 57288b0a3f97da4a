//! Handles on a subscriber.

use std::collections::HashMap;

use tokio::sync::{mpsc, watch};

use super::{
    core::{Command, SubscriberCore},
    events::RoomEvent,
};
use crate::{
    config::ConnectConfig,
    driver,
    error::JoinError,
    ids::{ParticipantSid, RoomSid, TrackSid},
    signal::LocalParticipant,
    simulate::Fault,
};

/// Two seconds of 150 tracks, or five minutes of one. When the channel is full, packets and sender reports are dropped
/// and counted ([`RoomEvent::Dropped`]); other events wait. Media is never delayed by a slow reader.
const EVENT_CAPACITY: usize = 16 * 1024;

/// A handle on a participant that receives. Cheap to clone; when the last handle is dropped, the participant leaves the
/// room.
#[derive(Debug, Clone)]
pub struct Subscriber {
    commands: mpsc::UnboundedSender<Command>,
    local: watch::Receiver<LocalParticipant>,
}

/// Joins a room to receive.
///
/// The token must allow subscribing (see [`ApiKey::recorder_token`](crate::token::ApiKey::recorder_token)). The first
/// events report the tracks that are already published. Dropping the future before it completes leaves the room.
///
/// # Examples
///
/// Subscribes to every audio track of a room:
///
/// ```no_run
/// # async fn record() -> Result<(), Box<dyn std::error::Error>> {
/// use rtc::{
///     ConnectConfig, TrackKind,
///     subscriber::{self, RoomEvent},
///     token::ApiKey,
/// };
///
/// let key = ApiKey::new("devkey", "secret");
/// let token = key.recorder_token("standup", "recorder")?;
/// let config = ConnectConfig::new("ws://localhost:7880".parse()?, move || token.clone());
///
/// let (subscriber, mut events) = subscriber::join(config).await?;
/// while let Some(event) = events.recv().await {
///     match event {
///         RoomEvent::TrackPublished(track) if track.kind == TrackKind::Audio => subscriber.subscribe(track.sid),
///         RoomEvent::Packet { sid, packet } => println!("{sid}: {} bytes of Opus", packet.payload.len()),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub async fn join(config: ConnectConfig) -> Result<(Subscriber, mpsc::Receiver<RoomEvent>), JoinError> {
    let client = driver::start(SubscriberCore::new, config, EVENT_CAPACITY).await?;
    let subscriber = Subscriber {
        commands: client.commands,
        local: client.local,
    };
    Ok((subscriber, client.events))
}

impl Subscriber {
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

    /// Subscribes to a track. Any number may be subscribed to at once; repeated calls change nothing.
    pub fn subscribe(&self, track_sid: impl Into<TrackSid>) {
        self.command(Command::Subscribe(track_sid.into()));
    }

    /// Unsubscribes from a track. [`RoomEvent::TrackEnded`] follows if the server had offered it.
    pub fn unsubscribe(&self, track_sid: impl Into<TrackSid>) {
        self.command(Command::Unsubscribe(track_sid.into()));
    }

    /// Sets attributes of our participant, which others and the server's API see; an empty value removes one. The token
    /// must allow it (see [`ApiKey::recorder_token`](crate::token::ApiKey::recorder_token)). Those that are not named
    /// stay as they are.
    pub fn set_attributes(&self, attributes: HashMap<String, String>) {
        self.command(Command::SetAttributes(attributes));
    }

    /// Leaves the room. Returns once the server has been informed, or after two seconds.
    pub async fn leave(mut self) {
        self.command(Command::Leave);
        while self.local.changed().await.is_ok() {}
    }

    #[doc(hidden)]
    pub fn simulate(&self, fault: Fault) {
        self.command(Command::Simulate(fault));
    }

    fn command(&self, command: Command) {
        // A subscriber that has left reports that as an event.
        let _may_have_left = self.commands.send(command);
    }
}
