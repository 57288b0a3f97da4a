//! All rooms that this worker has joined.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};
use tokio_util::task::TaskTracker;

use super::{
    access::RoomAccess,
    clocks::RoomClocks,
    connection::RoomConnection,
    feed::{AttachRequest, Attachment, Command, TrackFeed},
    open_rooms::{OpenRooms, RoomKey},
    track_router::TrackRouter,
};

/// The longest wait for all rooms to be left; `leave` itself takes two seconds at most.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// The rooms; clones share them.
#[derive(Clone)]
pub struct Rooms {
    inner: Arc<Inner>,
}

struct Inner {
    access: RoomAccess,
    next_feed: AtomicU64,
    open: OpenRooms,
    clocks: RoomClocks,
    connections: TaskTracker,
}

impl Rooms {
    pub fn new(access: RoomAccess) -> Self {
        Self {
            inner: Arc::new(Inner {
                access,
                next_feed: AtomicU64::new(1),
                open: OpenRooms::default(),
                clocks: RoomClocks::default(),
                connections: TaskTracker::new(),
            }),
        }
    }

    /// Attaches to a track over the room's connection. Joins the room if nothing is attached to it yet.
    pub fn attach(&self, request: AttachRequest) -> TrackFeed {
        let key = RoomKey {
            name: request.room_name,
            sid: request.room_sid,
        };
        let id = self.inner.next_feed.fetch_add(1, Ordering::Relaxed);
        let wall = self.inner.clocks.get(&key, request.clock);
        let (events_sender, events) = mpsc::unbounded_channel();
        let command = Command::Attach(Attachment {
            id,
            track_sid: request.track_sid.clone(),
            egress_id: request.egress_id,
            is_continued: request.clock.is_some(),
            events: events_sender,
        });
        let room = self.inner.open.send(key, command, |key| self.connect(key));
        TrackFeed {
            id,
            track_sid: request.track_sid,
            wall,
            events,
            room,
        }
    }

    /// Waits until every room has been left, which happens once nothing is attached any more.
    pub async fn finish(&self) {
        self.inner.connections.close();
        let _in_time = timeout(LEAVE_TIMEOUT, self.inner.connections.wait()).await;
    }

    fn connect(&self, key: RoomKey) -> mpsc::UnboundedSender<Command> {
        let (queue, commands) = mpsc::unbounded_channel();
        let connection = RoomConnection {
            key,
            open_rooms: self.inner.open.clone(),
            access: self.inner.access.clone(),
            commands,
            router: TrackRouter::default(),
        };
        self.inner.connections.spawn(connection.run());
        queue
    }
}
