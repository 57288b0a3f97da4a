//! One client of the feed: a task that writes frames for its socket.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use domain::feed::FeedEvent;
use storage::{
    PgPool, StorageError,
    feed::{FeedFilter, FeedHead},
};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};

use super::{
    feed::{Feed, Subscription},
    frame,
};

/// Pause between two signs of life. Proxies close connections that are silent for a minute.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// How long a client may leave its socket unread before it is dropped. It can resume.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest stream. Whose key was revoked meanwhile cannot connect again.
const MAX_STREAM: Duration = Duration::from_secs(3600);

/// Why a stream ends early.
enum End {
    /// The client is gone, or does not read.
    Client,
    Database(StorageError),
}

impl From<StorageError> for End {
    fn from(error: StorageError) -> Self {
        Self::Database(error)
    }
}

/// A client and how far it has read.
pub struct Client {
    feed: Feed,
    pool: PgPool,
    filter: FeedFilter,
    out: mpsc::Sender<Bytes>,
    /// All wanted events up to this position were sent.
    sent: i64,
}

impl Client {
    pub fn new(feed: Feed, pool: PgPool, filter: FeedFilter, out: mpsc::Sender<Bytes>) -> Self {
        Self {
            feed,
            pool,
            filter,
            out,
            sent: 0,
        }
    }

    /// Sends events after `position`, or those from now on, until the client or the server ends. `head` was read after the
    /// subscription.
    pub async fn run(mut self, mut subscription: Subscription, position: Option<i64>, head: FeedHead) {
        metrics::gauge!("trackscribe_event_streams").increment(1.0);
        let ended = subscription.ended.clone();
        let stream = timeout(MAX_STREAM, self.stream(&mut subscription, position, head));
        if let Some(Ok(Err(End::Database(error)))) = ended.run_until_cancelled(stream).await {
            tracing::warn!("an event stream was ended: {:#}", anyhow::Error::from(error));
        }
        metrics::gauge!("trackscribe_event_streams").decrement(1.0);
    }

    async fn stream(
        &mut self,
        subscription: &mut Subscription,
        position: Option<i64>,
        head: FeedHead,
    ) -> Result<(), End> {
        self.begin(position.unwrap_or(head.last), head).await?;
        self.catch_up(head.last).await?;
        let mut heartbeat = heartbeat();
        loop {
            tokio::select! {
                received = subscription.live.recv() => match received {
                    Ok(event) => self.hand(event).await?,
                    Err(RecvError::Lagged(_)) => {} // the next event shows the gap
                    Err(RecvError::Closed) => return Ok(()),
                },
                _ = heartbeat.tick() => self.send(frame::heartbeat(self.sent)).await?,
                () = self.out.closed() => return Err(End::Client),
            }
        }
    }

    /// Begins after `position`, or where the feed still exists. A position beyond its end was given before the database was
    /// restored from a backup.
    async fn begin(&mut self, position: i64, head: FeedHead) -> Result<(), End> {
        self.sent = match position {
            beyond if beyond > head.last => head.last,
            deleted if deleted < head.deleted => head.deleted,
            kept => kept,
        };
        self.send(frame::begin(self.sent)).await?;
        match self.sent == position {
            true => Ok(()),
            false => self.send(frame::lost(position, self.sent)).await,
        }
    }

    /// Sends a live event, after those that this client was not handed.
    async fn hand(&mut self, event: Arc<FeedEvent>) -> Result<(), End> {
        if event.position <= self.sent {
            return Ok(());
        }
        self.catch_up(event.position - 1).await?;
        if self.filter.allows(&event) {
            self.send(frame::event(&event)).await?;
        }
        self.sent = event.position;
        Ok(())
    }

    /// Sends wanted events up to a position from the database.
    async fn catch_up(&mut self, until: i64) -> Result<(), End> {
        while self.sent < until {
            let window = self.feed.read(&self.pool, &self.filter, self.sent, until).await?;
            for event in &window.events {
                self.send(frame::event(event)).await?;
            }
            self.sent = window.until;
        }
        Ok(())
    }

    async fn send(&self, frame: Bytes) -> Result<(), End> {
        self.out
            .send_timeout(frame, SEND_TIMEOUT)
            .await
            .map_err(|_| End::Client)
    }
}

fn heartbeat() -> Interval {
    let mut interval = interval_at(Instant::now() + HEARTBEAT_INTERVAL, HEARTBEAT_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
