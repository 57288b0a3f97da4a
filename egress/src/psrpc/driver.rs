//! The subscriber connection: one owner, commands to it, made again when it breaks.

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

/// How often a quiet subscriber connection is asked whether it still lives.
const PING_EVERY: Duration = Duration::from_secs(5);

/// Pause before a connection is tried again.
pub const RECONNECT_PAUSE: Duration = Duration::from_millis(300);

/// How long `connect` goes on trying: Redis may be starting beside us.
const FIRST_CONNECTION: Duration = Duration::from_secs(30);

/// One published message.
pub struct BusMessage {
    pub channel: String,
    pub payload: Bytes,
}

/// What the handles ask of the driver.
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

/// The one owner of the subscriber connection. Ends when the last handle on the bus has gone.
pub struct Driver {
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

/// The first connection, for as long as Redis may be starting.
pub async fn first_connection(client: &Client) -> RedisResult<(PubSubSink, PubSubStream)> {
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
