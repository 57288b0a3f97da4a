//! Reads what is published, once for all clients of this server.

use std::{sync::Arc, time::Duration};

use domain::feed::FeedEvent;
use storage::{
    PgPool, StorageError,
    feed::{self, FeedFilter, Published},
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::{AbortOnDropHandle, TaskTracker},
};

/// Streams that one server serves at most. Each needs a socket and some memory, and no database connection.
const MAX_CLIENTS: usize = 200;

/// Clients that read missed events from the database at once, so that a restarted server's clients leave connections to
/// webhooks.
const MAX_READERS: usize = 4;

/// Events that wait for the slowest client. One that is further behind reads them from the database.
const BACKLOG: usize = 1_024;

/// Events that one statement reads.
const PAGE: i64 = 200;

/// How often the feed is read without a notification. Notifications sent while the connection is broken are lost, and
/// without a worker nobody else publishes.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Pause after the database did not answer.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// What this server's clients are told. Clones share it.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    live: broadcast::Sender<Arc<FeedEvent>>,
    places: Arc<Semaphore>,
    readers: Semaphore,
    clients: TaskTracker,
    ended: CancellationToken,
}

/// A client's place. Dropping it makes room for another.
pub struct Subscription {
    pub live: broadcast::Receiver<Arc<FeedEvent>>,
    pub ended: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Default for Feed {
    fn default() -> Self {
        Self(Arc::new(Shared {
            live: broadcast::Sender::new(BACKLOG),
            places: Arc::new(Semaphore::new(MAX_CLIENTS)),
            readers: Semaphore::new(MAX_READERS),
            clients: TaskTracker::new(),
            ended: CancellationToken::new(),
        }))
    }
}

impl Feed {
    /// Returns a place for a client; `None` if all are taken. What is published from now on reaches it.
    pub fn subscribe(&self) -> Option<Subscription> {
        let place = self.0.places.clone().try_acquire_owned().ok()?;
        Some(Subscription {
            live: self.0.live.subscribe(),
            ended: self.0.ended.clone(),
            _place: place,
        })
    }

    /// Runs a client until it ends. [`Feed::run`] waits for it.
    pub fn spawn(&self, client: impl Future<Output = ()> + Send + 'static) {
        self.0.clients.spawn(client);
    }

    /// Reads published events from the database, in turn with other clients.
    pub async fn read(
        &self,
        pool: &PgPool,
        filter: &FeedFilter,
        after: i64,
        until: i64,
    ) -> Result<feed::FeedWindow, StorageError> {
        let _turn = self.0.readers.acquire().await;
        let mut conn = storage::pool::acquire(pool).await?;
        feed::read(&mut conn, filter, after, until, PAGE).await
    }

    /// Hands published events to the clients until `stop`; then their streams end.
    pub async fn run(self, pool: PgPool, stop: CancellationToken) {
        let ending: DropGuard = self.0.ended.clone().drop_guard();
        let published = Arc::new(Notify::new());
        let listening = AbortOnDropHandle::new(tokio::spawn(listen(pool.clone(), published.clone())));
        stop.run_until_cancelled(self.follow(&pool, &published)).await;
        drop((ending, listening));
        self.0.clients.close();
        self.0.clients.wait().await;
    }

    async fn follow(&self, pool: &PgPool, published: &Notify) {
        let mut last = 0;
        loop {
            tokio::select! {
                () = published.notified() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            if let Err(error) = self.hand_out(pool, &mut last).await {
                tracing::warn!("cannot read the feed: {:#}", anyhow::Error::from(error));
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }

    /// Hands out what was published after `last`. The head is read before the clients are counted: one that subscribes
    /// later finds the same head or a newer one, and reads what precedes it from the database.
    async fn hand_out(&self, pool: &PgPool, last: &mut i64) -> Result<(), StorageError> {
        if self.0.live.receiver_count() > 0 {
            feed::publish(pool).await?;
        }
        let head = feed::head(&mut *storage::pool::acquire(pool).await?).await?.last;
        if self.0.live.receiver_count() == 0 {
            *last = head;
        }
        while *last < head {
            let window = self.read(pool, &FeedFilter::default(), *last, head).await?;
            for event in window.events {
                // Without a client, nobody needs it.
                let _nobody = self.0.live.send(Arc::new(event));
            }
            *last = window.until;
        }
        *last = (*last).min(head); // the database was restored from a backup
        Ok(())
    }
}

/// Forwards the database's notifications; reconnects after an error.
async fn listen(pool: PgPool, published: Arc<Notify>) {
    loop {
        if let Ok(mut listener) = Published::listen(&pool).await {
            while listener.next().await.is_ok() {
                published.notify_one();
            }
        }
        tokio::time::sleep(FAILURE_PAUSE).await;
    }
}
