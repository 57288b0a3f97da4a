//! Publishing, subscribing and locking on Redis. A lost connection is made again and every subscription with it;
//! what was published meanwhile is lost, as psrpc expects.

use base64::{Engine, prelude::BASE64_STANDARD};
use redis::{RedisError, RedisResult, aio::ConnectionManager};
use sha2::{Digest, Sha256};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};

use super::{
    driver::{BusMessage, Command, Driver, RECONNECT_PAUSE, first_connection},
    redis_client::{RedisClientError, RedisConfig, manager_config},
};

/// Tries of one PUBLISH: after a restart of Redis the first finds only that the connection is gone. A second copy of
/// a message does no harm, receivers tell by its id.
const PUBLISH_TRIES: u32 = 3;

/// How long the winner of a queued request holds its lock, in seconds: psrpc's figure, part of the protocol.
const LOCK_SECONDS: u64 = 5;

/// A handle on the bus; clones share the connections.
#[derive(Clone)]
pub struct Bus {
    publisher: ConnectionManager,
    commands: mpsc::UnboundedSender<Command>,
    connected: watch::Receiver<bool>,
}

/// Messages of the channels that were asked for; dropping it ends the subscription.
pub struct Subscription {
    channels: Vec<String>,
    messages: mpsc::UnboundedReceiver<BusMessage>,
    commands: mpsc::UnboundedSender<Command>,
}

/// What Redis did not do for us.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("cannot use Redis at {address}; check `redis` in egress.yaml and that it is running")]
    Connect { address: String, source: RedisError },
    #[error(transparent)]
    Config(#[from] RedisClientError),
    #[error("Redis took no message")]
    Publish(#[source] RedisError),
    #[error("the bus has been stopped")]
    Stopped,
}

impl Bus {
    /// Connects, for up to half a minute; wrong credentials fail at once.
    pub async fn connect(config: &RedisConfig) -> Result<Self, BusError> {
        let refused = |source| BusError::Connect {
            address: config.address(),
            source,
        };
        let client = config.client()?;
        let connection = first_connection(&client).await.map_err(refused)?;
        let publisher = client.get_connection_manager_lazy(manager_config()).map_err(refused)?;
        let (commands, queue) = mpsc::unbounded_channel();
        let (state, connected) = watch::channel(true);
        let driver = Driver::new(client, queue, state);
        tokio::spawn(driver.run(connection));
        Ok(Self {
            publisher,
            commands,
            connected,
        })
    }

    /// Whether messages reach us at the moment.
    pub fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// Subscribes and waits until Redis has confirmed every channel, through reconnections if need be. A channel has
    /// one subscriber in a process.
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

    /// Publishes and returns how many subscribers there were.
    pub async fn publish(&self, channel: &str, payload: &[u8]) -> Result<u64, BusError> {
        let mut publisher = self.publisher.clone();
        let mut tries = 1;
        loop {
            let outcome = redis::cmd("PUBLISH")
                .arg(channel)
                .arg(payload)
                .query_async(&mut publisher)
                .await;
            match outcome {
                Ok(receivers) => return Ok(receivers),
                Err(error) if tries == PUBLISH_TRIES => return Err(BusError::Publish(error)),
                Err(_) => sleep(RECONNECT_PAUSE).await,
            }
            tries += 1;
        }
    }

    /// Whether this process won the right to handle a message that every server received. No answer means no.
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
    /// The next message; `None` once the bus has stopped.
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

/// psrpc's name for the lock of one published payload.
fn lock_key(payload: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_named_by_the_digest_of_the_payload() {
        assert_eq!(lock_key(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(lock_key(b"abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }
}
