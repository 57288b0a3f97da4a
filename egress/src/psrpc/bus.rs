//! Publishes, subscribes and locks on Redis. A lost connection is restored with all its subscriptions. Messages that
//! were published in the meantime are lost, which psrpc tolerates.

use base64::{Engine, prelude::BASE64_STANDARD};
use redis::{RedisError, RedisResult, aio::ConnectionManager};
use sha2::{Digest, Sha256};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};

use super::{
    driver::{BusMessage, Command, Driver, RECONNECT_PAUSE},
    redis_client::{RedisClientError, RedisConfig, manager_config},
};
use crate::critical;

/// Attempts of one PUBLISH. After a restart of Redis the first attempt only finds that the connection is gone. A second
/// copy of a message does no harm, because receivers recognize it by its id.
const PUBLISH_ATTEMPTS: u32 = 3;

/// How long the winner of a queued request holds its lock, in seconds; defined by psrpc.
const LOCK_SECONDS: u64 = 5;

/// A handle on the bus; clones share the connections.
#[derive(Clone)]
pub struct Bus {
    publisher: ConnectionManager,
    commands: mpsc::UnboundedSender<Command>,
    state: watch::Receiver<BusState>,
}

/// Whether messages can be received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusState {
    Connected,
    /// What prevents it, for people.
    Disconnected(String),
}

/// The messages of some channels; dropping it ends the subscription.
pub struct Subscription {
    channels: Vec<String>,
    messages: mpsc::UnboundedReceiver<BusMessage>,
    commands: mpsc::UnboundedSender<Command>,
}

/// Why an operation on the bus failed.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error(transparent)]
    Config(#[from] RedisClientError),
    #[error("{0}")]
    Disconnected(String),
    #[error("cannot publish on Redis")]
    Publish(#[source] RedisError),
    #[error("the bus has been stopped")]
    Stopped,
}

impl BusState {
    /// What prevents messages from being received; empty if nothing does.
    pub fn reason(&self) -> &str {
        match self {
            Self::Connected => "",
            Self::Disconnected(reason) => reason,
        }
    }
}

impl Bus {
    /// Begins to connect, and tries without end: recordings do not need Redis.
    ///
    /// # Errors
    /// The settings are not valid.
    pub fn start(config: &RedisConfig) -> Result<Self, BusError> {
        let client = config.client()?;
        let publisher = client.get_connection_manager_lazy(manager_config());
        let publisher = publisher.map_err(RedisClientError::from)?;
        let (commands, queue) = mpsc::unbounded_channel();
        let (sender, state) = watch::channel(BusState::Disconnected("connecting to Redis".to_owned()));
        let driver = Driver::new(client, config.address(), queue, sender);
        critical::spawn("the task that reads from Redis", driver.run());
        Ok(Self {
            publisher,
            commands,
            state,
        })
    }

    /// Whether messages can currently be received.
    pub fn state(&self) -> BusState {
        self.state.borrow().clone()
    }

    /// Waits until messages can be received.
    pub async fn connected(&self) {
        let mut state = self.state.clone();
        let _driver_has_ended = state.wait_for(|state| *state == BusState::Connected).await;
    }

    /// Subscribes and waits until Redis has confirmed every channel, across reconnections if necessary. A channel can
    /// have one subscription per process.
    pub async fn subscribe(&self, channels: Vec<String>) -> Result<Subscription, BusError> {
        let (to, messages) = mpsc::unbounded_channel();
        let (confirmed, confirmation) = oneshot::channel();
        let command = Command::Subscribe {
            channels: channels.clone(),
            to,
            confirmed,
        };
        self.commands.send(command).map_err(|_| BusError::Stopped)?;
        let subscription = Subscription {
            channels,
            messages,
            commands: self.commands.clone(),
        };
        confirmation.await.map_err(|_| BusError::Stopped)?;
        Ok(subscription)
    }

    /// Publishes a message and returns how many subscribers received it.
    pub async fn publish(&self, channel: &str, payload: &[u8]) -> Result<u64, BusError> {
        let mut publisher = self.publisher.clone();
        let mut attempts = 1;
        loop {
            let outcome = redis::cmd("PUBLISH")
                .arg(channel)
                .arg(payload)
                .query_async(&mut publisher)
                .await;
            match outcome {
                Ok(receivers) => return Ok(receivers),
                Err(error) if attempts == PUBLISH_ATTEMPTS => return Err(BusError::Publish(error)),
                Err(_) => sleep(RECONNECT_PAUSE).await,
            }
            attempts += 1;
        }
    }

    /// Whether this process acquired the lock on a message that every server received. Returns false if Redis does not
    /// answer.
    pub async fn lock(&self, payload: &[u8]) -> bool {
        let mut publisher = self.publisher.clone();
        let mut command = redis::cmd("SET");
        command
            .arg(lock_key(payload))
            .arg(rand::random::<u32>())
            .arg("EX")
            .arg(LOCK_SECONDS)
            .arg("NX");
        let outcome: RedisResult<Option<String>> = command.query_async(&mut publisher).await;
        matches!(outcome, Ok(Some(_)))
    }
}

impl Subscription {
    /// Returns the next message, or `None` once the bus has stopped.
    pub async fn recv(&mut self) -> Option<BusMessage> {
        self.messages.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let channels = std::mem::take(&mut self.channels);
        let _bus_is_gone = self.commands.send(Command::Unsubscribe { channels });
    }
}

/// The key of the lock on a published payload, as psrpc defines it.
fn lock_key(payload: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_lock_is_the_digest_of_the_payload() {
        assert_eq!(lock_key(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(lock_key(b"abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }
}
