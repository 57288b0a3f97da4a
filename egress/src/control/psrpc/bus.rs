//! Publishing, subscribing and locking on Redis. A lost connection is made again and every subscription with it;
//! what was published meanwhile is lost, as psrpc expects.

use std::{collections::HashMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::StreamExt;
use redis::{
    Client, ErrorKind, RedisError, RedisResult,
    aio::{ConnectionManager, PubSubSink, PubSubStream},
};
use sha2::{Digest, Sha256};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use super::redis_client::{REDIS_TIMEOUT, RedisClientError, RedisConfig, manager_config};

/// How often a quiet subscriber connection is asked whether it still lives.
const PING_EVERY: Duration = Duration::from_secs(5);

/// Pause before a connection is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(300);

/// How long `connect` goes on trying: Redis may be starting beside us.
const FIRST_CONNECTION: Duration = Duration::from_secs(30);

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

/// One published message.
pub struct BusMessage {
    pub channel: String,
    pub payload: Bytes,
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

enum Command {
    Subscribe {
        channels: Vec<String>,
        to: mpsc::UnboundedSender<BusMessage>,
        confirmed: oneshot::Sender<()>,
    },
    Unsubscribe {
        channels: Vec<String>,
    },
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
        let driver = Driver {
            client,
            queue,
            state,
            routes: HashMap::new(),
            unconfirmed: Vec::new(),
        };
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

/// The one owner of the subscriber connection. Ends when the last handle on the bus has gone.
struct Driver {
    client: Client,
    queue: mpsc::UnboundedReceiver<Command>,
    state: watch::Sender<bool>,
    routes: HashMap<String, mpsc::UnboundedSender<BusMessage>>,
    /// Callers whose channels stand in `routes` but were not confirmed before the connection broke.
    unconfirmed: Vec<oneshot::Sender<()>>,
}

/// Why `Driver::serve` returned.
enum Ended {
    Stopped,
    Lost,
}

impl Driver {
    async fn run(mut self, first: (PubSubSink, PubSubStream)) {
        let mut connection = first;
        while let Ended::Lost = self.serve(connection).await {
            tracing::warn!("the connection to Redis is lost; connecting again");
            self.state.send_replace(false);
            let Some(next) = self.reconnect().await else { return };
            connection = next;
            self.state.send_replace(true);
            tracing::info!(
                channels = self.routes.len(),
                "connected to Redis again, all channels subscribed"
            );
        }
    }

    async fn serve(&mut self, (mut sink, mut stream): (PubSubSink, PubSubStream)) -> Ended {
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = self.queue.recv() => {
                    let Some(command) = command else { return Ended::Stopped };
                    if !self.obey(&mut sink, command).await {
                        return Ended::Lost;
                    }
                }
                message = stream.next() => {
                    let Some(message) = message else { return Ended::Lost };
                    self.route(message);
                }
                _ = ping.tick() => {
                    if !in_time(sink.ping::<redis::Value>()).await {
                        return Ended::Lost;
                    }
                }
            }
        }
    }

    /// Carries out one command; false if the connection did not.
    async fn obey(&mut self, sink: &mut PubSubSink, command: Command) -> bool {
        match command {
            Command::Subscribe {
                channels,
                to,
                confirmed,
            } => {
                self.routes
                    .extend(channels.iter().map(|channel| (channel.clone(), to.clone())));
                if !in_time(sink.subscribe(&channels)).await {
                    self.unconfirmed.push(confirmed);
                    return false;
                }
                let _caller_gave_up = confirmed.send(());
                true
            }
            Command::Unsubscribe { channels } => {
                self.routes.retain(|channel, _| !channels.contains(channel));
                channels.is_empty() || in_time(sink.unsubscribe(&channels)).await
            }
        }
    }

    fn route(&self, message: redis::Msg) {
        let channel = message.get_channel_name().to_owned();
        if let Some(to) = self.routes.get(&channel) {
            let payload = Bytes::copy_from_slice(message.get_payload_bytes());
            let _subscriber_is_gone = to.send(BusMessage { channel, payload });
        }
    }

    /// Connects and subscribes to everything; `None` if nobody needs the bus any more.
    async fn reconnect(&mut self) -> Option<(PubSubSink, PubSubStream)> {
        loop {
            sleep(RECONNECT_PAUSE).await;
            if self.queue.is_closed() {
                return None;
            }
            let Ok((mut sink, stream)) = connect(&self.client).await else {
                continue;
            };
            let channels: Vec<&String> = self.routes.keys().collect();
            if channels.is_empty() || in_time(sink.subscribe(&channels)).await {
                for caller in self.unconfirmed.drain(..) {
                    let _caller_gave_up = caller.send(());
                }
                return Some((sink, stream));
            }
        }
    }
}

async fn first_connection(client: &Client) -> RedisResult<(PubSubSink, PubSubStream)> {
    let give_up = Instant::now() + FIRST_CONNECTION;
    loop {
        match connect(client).await {
            Err(error) if error.kind() != ErrorKind::AuthenticationFailed && Instant::now() < give_up => {
                tracing::warn!(%error, "cannot reach Redis yet; trying again");
                sleep(RECONNECT_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

async fn connect(client: &Client) -> RedisResult<(PubSubSink, PubSubStream)> {
    match timeout(REDIS_TIMEOUT, client.get_async_pubsub()).await {
        Ok(connection) => Ok(connection?.split()),
        Err(_) => Err((ErrorKind::Io, "no answer in time").into()),
    }
}

async fn in_time<T>(call: impl Future<Output = RedisResult<T>>) -> bool {
    matches!(timeout(REDIS_TIMEOUT, call).await, Ok(Ok(_)))
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
