//! All rooms that this worker has joined.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::PlatformRoomKey;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::task::TaskTracker;

use super::{
    access::RoomAccess,
    clocks::RoomClocks,
    connection::{RoomConnection, RoomContext},
    feed::{AttachRequest, Attachment, Command, TrackFeed},
    feed_queue::feed_queue,
    open_rooms::{OpenRooms, RoomKey},
    silent_tracks::SilentTracks,
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
    silent_tracks: SilentTracks,
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
                silent_tracks: SilentTracks::default(),
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
        let (events_sender, events) = feed_queue();
        let command = Command::Attach(Attachment {
            id,
            track_sid: request.track_sid.clone(),
            egress_id: request.egress_id,
            is_continued: request.clock.is_some(),
            is_joined: false,
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

    /// Whether this worker is in the room, or joining it, for another recording.
    pub fn contains(&self, room_name: &str, room_sid: &PlatformRoomKey) -> bool {
        self.inner.open.contains(&RoomKey {
            name: room_name.to_owned(),
            sid: room_sid.clone(),
        })
    }

    /// Waits until every room has been left, which happens once nothing is attached any more.
    pub async fn finish(&self) {
        self.inner.connections.close();
        let _in_time = timeout(LEAVE_TIMEOUT, self.inner.connections.wait()).await;
    }

    fn connect(&self, key: RoomKey) -> mpsc::UnboundedSender<Command> {
        let (queue, commands) = mpsc::unbounded_channel();
        let connection = RoomConnection::new(
            RoomContext {
                key,
                open_rooms: self.inner.open.clone(),
                access: self.inner.access.clone(),
                silent_tracks: self.inner.silent_tracks.clone(),
            },
            commands,
        );
        self.inner.connections.spawn(connection.run());
        queue
    }
}
