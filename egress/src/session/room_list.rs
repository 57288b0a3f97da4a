//! The running egresses of rooms, as livekit-server lists them. Asked once per room at a restart, however many of its
//! recordings are continued.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use livekit_protocol::EgressInfo;
use tokio::sync::OnceCell;

use super::io_info::IoInfoClient;

/// The lists by room name; clones share them.
#[derive(Clone, Default)]
pub struct RoomLists {
    lists: Arc<Mutex<HashMap<String, RoomList>>>,
}

/// Empty until livekit-server has answered.
type RoomList = Arc<OnceCell<Vec<EgressInfo>>>;

impl RoomLists {
    /// Returns the running egresses of a room, as they were at the first call. Waits until livekit-server answers.
    pub async fn get(&self, io_info: &IoInfoClient, room_name: &str) -> Vec<EgressInfo> {
        let list = {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            lists.entry(room_name.to_owned()).or_default().clone()
        };
        list.get_or_init(|| io_info.running(room_name)).await.clone()
    }
}
