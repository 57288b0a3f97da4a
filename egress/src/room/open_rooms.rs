//! The open connections of this worker, by room.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::PlatformRoomKey;
use tokio::sync::mpsc;

use super::feed::Command;

/// Identifies a room by name and sid: a new room with an old name is a different one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RoomKey {
    pub name: String,
    /// Empty if the request named none.
    pub sid: PlatformRoomKey,
}

/// The command queue of each open connection; clones share them.
#[derive(Clone, Default)]
pub(super) struct OpenRooms {
    queues: Arc<Mutex<HashMap<RoomKey, mpsc::UnboundedSender<Command>>>>,
}

impl OpenRooms {
    /// Sends `command` to the connection of `key`, which `connect` opens if there is none. Returns the queue.
    ///
    /// The command is sent under the lock, so that a connection that is about to close either receives it or is no
    /// longer in the map.
    pub fn send(
        &self,
        key: RoomKey,
        command: Command,
        connect: impl FnOnce(RoomKey) -> mpsc::UnboundedSender<Command>,
    ) -> mpsc::UnboundedSender<Command> {
        let mut queues = self.lock();
        // A task that panicked is not in the way of the next one.
        if queues.get(&key).is_some_and(mpsc::UnboundedSender::is_closed) {
            queues.remove(&key);
        }
        let queue = queues.entry(key.clone()).or_insert_with(|| connect(key));
        let _an_open_connection_receives = queue.send(command);
        queue.clone()
    }

    /// Removes a room whose connection is about to close. Returns false if a command has arrived in the meantime; the
    /// room then stays open.
    pub fn close(&self, key: &RoomKey, commands: &mpsc::UnboundedReceiver<Command>) -> bool {
        let mut queues = self.lock();
        if !commands.is_empty() {
            return false;
        }
        queues.remove(key);
        true
    }

    pub fn contains(&self, key: &RoomKey) -> bool {
        self.lock().contains_key(key)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomKey, mpsc::UnboundedSender<Command>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_whose_task_failed_is_opened_again() {
        let rooms = OpenRooms::default();
        let key = RoomKey {
            name: "standup".into(),
            sid: "RM_1".into(),
        };
        let mut opened = Vec::new();

        for _ in 0..2 {
            rooms.send(key.clone(), Command::Detach { id: 1 }, |_| {
                let (queue, commands) = mpsc::unbounded_channel();
                opened.push(commands);
                queue
            });
            opened.last_mut().unwrap().close();
        }

        let received: Vec<_> = opened.iter().map(mpsc::UnboundedReceiver::len).collect();
        assert_eq!(received, [1, 1]);
    }
}
