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

use super::{bus::BusState, redis_client::REDIS_TIMEOUT};

/// How often the subscriber connection is checked with a ping.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// The pause before another attempt to connect.
pub const RECONNECT_PAUSE: Duration = Duration::from_millis(300);

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
    /// `host:port`, for messages.
    address: String,
    queue: mpsc::UnboundedReceiver<Command>,
    state: watch::Sender<BusState>,
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
    pub fn new(
        client: Client,
        address: String,
        queue: mpsc::UnboundedReceiver<Command>,
        state: watch::Sender<BusState>,
    ) -> Self {
        Self {
            client,
            address,
            queue,
            state,
            routes: HashMap::new(),
            unconfirmed: Vec::new(),
        }
    }

    pub async fn run(mut self) {
        while let Some(connection) = self.connect().await {
            tracing::info!(
                channels = self.routes.len(),
                "connected to Redis and subscribed to all channels"
            );
            self.state.send_replace(BusState::Connected);
            if let Ended::Stopped = self.serve(connection).await {
                return;
            }
            self.disconnected("the connection was lost");
            sleep(RECONNECT_PAUSE).await;
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
                    if in_time(sink.ping::<redis::Value>()).await.is_err() {
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
                if in_time(sink.subscribe(&channels)).await.is_err() {
                    self.unconfirmed.push(confirmed);
                    return false;
                }
                let _caller_gave_up = confirmed.send(());
                true
            }
            Command::Unsubscribe { channels } => {
                self.routes.retain(|channel, _| !channels.contains(channel));
                channels.is_empty() || in_time(sink.unsubscribe(&channels)).await.is_ok()
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

    /// Connects and subscribes to all channels, however long it takes. Returns `None` if every handle of the bus has been
    /// dropped.
    async fn connect(&mut self) -> Option<(PubSubSink, PubSubStream)> {
        while !self.queue.is_closed() {
            match self.try_connect().await {
                Ok(connection) => return Some(connection),
                Err(error) => self.disconnected(&error.to_string()),
            }
            sleep(RECONNECT_PAUSE).await;
        }
        None
    }

    async fn try_connect(&mut self) -> RedisResult<(PubSubSink, PubSubStream)> {
        let (mut sink, stream) = connect(&self.client).await?;
        let channels: Vec<&String> = self.routes.keys().collect();
        if !channels.is_empty() {
            in_time(sink.subscribe(&channels)).await?;
        }
        for caller in self.unconfirmed.drain(..) {
            let _caller_gave_up = caller.send(());
        }
        Ok((sink, stream))
    }

    /// Notes why there is no connection. The same reason is logged once.
    fn disconnected(&self, reason: &str) {
        let text = format!(
            "cannot use Redis at {}: {reason}; check `redis` in egress.yaml and that it is running",
            self.address
        );
        self.state.send_if_modified(|state| {
            let next = BusState::Disconnected(text);
            if *state == next {
                return false;
            }
            tracing::error!(
                "{reason}; trying again. Recordings go on; requests and reports wait",
                reason = next.reason()
            );
            *state = next;
            true
        });
    }
}

async fn connect(client: &Client) -> RedisResult<(PubSubSink, PubSubStream)> {
    Ok(in_time(client.get_async_pubsub()).await?.split())
}

async fn in_time<T>(call: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match timeout(REDIS_TIMEOUT, call).await {
        Ok(outcome) => outcome,
        Err(_) => Err((ErrorKind::Io, "no answer in time").into()),
    }
}
