//! All rooms that this worker is in.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{PlatformRoomSid, TrackSid};
use rtc::token::ApiKey;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::task::TaskTracker;
use url::Url;

use super::{
    connection::Connection,
    feed::{Command, Feed},
    switchboard::Switchboard,
};

/// How long good-byes may take: `leave` waits two seconds at most.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// What is needed to enter any room.
#[derive(Clone, Debug)]
pub struct RoomAccess {
    pub url: Url,
    pub api_key: ApiKey,
    /// Who we are in every room.
    pub identity: String,
}

/// The rooms; clones share them.
#[derive(Clone)]
pub struct Rooms {
    inner: Arc<Inner>,
}

struct Inner {
    access: RoomAccess,
    next_feed: AtomicU64,
    open: Mutex<HashMap<RoomKey, mpsc::UnboundedSender<Command>>>,
    connections: TaskTracker,
}

/// A room by name and sid: a new room of an old name is another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RoomKey {
    pub name: String,
    /// Empty if the request named none.
    pub sid: String,
}

impl Rooms {
    pub fn new(access: RoomAccess) -> Self {
        Self {
            inner: Arc::new(Inner {
                access,
                next_feed: AtomicU64::new(1),
                open: Mutex::default(),
                connections: TaskTracker::new(),
            }),
        }
    }

    /// A line to a track, over the room's connection; joins the room if this is its first.
    pub fn attach(&self, room_name: &str, room_sid: &PlatformRoomSid, track_sid: &TrackSid) -> Feed {
        let key = RoomKey {
            name: room_name.to_owned(),
            sid: room_sid.to_string(),
        };
        let id = self.inner.next_feed.fetch_add(1, Ordering::Relaxed);
        let (to_feed, events) = mpsc::unbounded_channel();
        let track_sid = track_sid.to_string();
        let command = Command::Attach {
            id,
            track_sid: track_sid.clone(),
            events: to_feed,
        };
        // Under the lock, so that a connection that is about to leave sees the command or is gone from the map.
        let mut open = self.open();
        let room = open.entry(key.clone()).or_insert_with(|| self.connect(key));
        let _a_listed_room_listens = room.send(command);
        Feed {
            id,
            track_sid,
            events,
            room: room.clone(),
        }
    }

    /// Waits until every room has been left, once nobody listens any more.
    pub async fn finish(&self) {
        self.inner.connections.close();
        let _in_time = timeout(LEAVE_WITHIN, self.inner.connections.wait()).await;
    }

    /// Takes a room that nobody needs off the list; false if somebody has come meanwhile.
    pub(super) fn close(&self, key: &RoomKey, commands: &mpsc::UnboundedReceiver<Command>) -> bool {
        let mut open = self.open();
        if !commands.is_empty() {
            return false;
        }
        open.remove(key);
        true
    }

    fn connect(&self, key: RoomKey) -> mpsc::UnboundedSender<Command> {
        let (to_room, commands) = mpsc::unbounded_channel();
        let (rooms, access) = (self.clone(), self.inner.access.clone());
        let connection = Connection {
            key,
            rooms,
            access,
            commands,
            board: Switchboard::default(),
        };
        self.inner.connections.spawn(connection.run());
        to_room
    }

    fn open(&self) -> MutexGuard<'_, HashMap<RoomKey, mpsc::UnboundedSender<Command>>> {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
