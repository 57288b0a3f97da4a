//! The task that owns the subscriber connection: carries out commands, routes messages, and reconnects.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use futures::StreamExt;
use redis::{
    Client, ErrorKind, RedisResult,
    aio::{PubSubSink, PubSubStream},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use super::redis_client::REDIS_TIMEOUT;

/// How often the subscriber connection is checked with a ping.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// The pause before another attempt to connect.
pub const RECONNECT_PAUSE: Duration = Duration::from_millis(300);

/// How long the first connection is attempted: Redis may be starting at the same time.
const FIRST_CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// One published message.
pub struct BusMessage {
    pub channel: String,
    pub payload: Bytes,
}

/// A command from a handle of the bus.
pub enum Command {
    Subscribe {
        channels: Vec<String>,
        to: mpsc::UnboundedSender<BusMessage>,
        confirmed: oneshot::Sender<()>,
    },
    Unsubscribe {
        channels: Vec<String>,
    },
}

/// Owns the subscriber connection. Ends when the last handle of the bus is dropped.
pub struct Driver {
    client: Client,
    queue: mpsc::UnboundedReceiver<Command>,
    state: watch::Sender<bool>,
    routes: HashMap<String, mpsc::UnboundedSender<BusMessage>>,
    /// Callers whose channels are in `routes` but were not confirmed before the connection was lost.
    unconfirmed: Vec<oneshot::Sender<()>>,
}

/// Why `Driver::serve` returned.
enum Ended {
    Stopped,
    Lost,
}

impl Driver {
    pub fn new(client: Client, queue: mpsc::UnboundedReceiver<Command>, state: watch::Sender<bool>) -> Self {
        Self {
            client,
            queue,
            state,
            routes: HashMap::new(),
            unconfirmed: Vec::new(),
        }
    }

    pub async fn run(mut self, first: (PubSubSink, PubSubStream)) {
        let mut connection = first;
        while let Ended::Lost = self.serve(connection).await {
            tracing::warn!("lost the connection to Redis; reconnecting");
            self.state.send_replace(false);
            let Some(next) = self.reconnect().await else { return };
            connection = next;
            self.state.send_replace(true);
            tracing::info!(
                channels = self.routes.len(),
                "reconnected to Redis and subscribed to all channels"
            );
        }
    }

    async fn serve(&mut self, (mut sink, mut stream): (PubSubSink, PubSubStream)) -> Ended {
        let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = self.queue.recv() => {
                    let Some(command) = command else { return Ended::Stopped };
                    if !self.handle_command(&mut sink, command).await {
                        return Ended::Lost;
                    }
                }
                message = stream.next() => {
                    let Some(message) = message else { return Ended::Lost };
                    self.route(message);
                }
                _ = ping.tick() => {
                    if !succeeds_in_time(sink.ping::<redis::Value>()).await {
                        return Ended::Lost;
                    }
                }
            }
        }
    }

    /// Carries out one command. Returns false if the connection failed.
    async fn handle_command(&mut self, sink: &mut PubSubSink, command: Command) -> bool {
        match command {
            Command::Subscribe {
                channels,
                to,
                confirmed,
            } => {
                self.routes
                    .extend(channels.iter().map(|channel| (channel.clone(), to.clone())));
                if !succeeds_in_time(sink.subscribe(&channels)).await {
                    self.unconfirmed.push(confirmed);
                    return false;
                }
                let _caller_gave_up = confirmed.send(());
                true
            }
            Command::Unsubscribe { channels } => {
                self.routes.retain(|channel, _| !channels.contains(channel));
                channels.is_empty() || succeeds_in_time(sink.unsubscribe(&channels)).await
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

    /// Connects and subscribes to all channels. Returns `None` if every handle of the bus has been dropped.
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
            if channels.is_empty() || succeeds_in_time(sink.subscribe(&channels)).await {
                for caller in self.unconfirmed.drain(..) {
                    let _caller_gave_up = caller.send(());
                }
                return Some((sink, stream));
            }
        }
    }
}

/// Connects for the first time, and retries while Redis may be starting.
pub async fn first_connection(client: &Client) -> RedisResult<(PubSubSink, PubSubStream)> {
    let deadline = Instant::now() + FIRST_CONNECTION_TIMEOUT;
    loop {
        match connect(client).await {
            Err(error) if error.kind() != ErrorKind::AuthenticationFailed && Instant::now() < deadline => {
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

async fn succeeds_in_time<T>(call: impl Future<Output = RedisResult<T>>) -> bool {
    matches!(timeout(REDIS_TIMEOUT, call).await, Ok(Ok(_)))
}
