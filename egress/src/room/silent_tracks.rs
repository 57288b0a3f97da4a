//! How many tracks of all rooms are silent although they should send, for the metrics.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{core::Silence, open_rooms::RoomKey};
use crate::metrics;

/// The silence of each room in which some track is silent; clones share it.
#[derive(Clone, Default)]
pub(super) struct SilentTracks {
    rooms: Arc<Mutex<HashMap<RoomKey, Silence>>>,
}

impl SilentTracks {
    /// Notes the state of a room and sets the gauges to that of all rooms.
    pub fn set(&self, room: &RoomKey, silence: Silence) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let before = rooms.remove(room).unwrap_or_default();
        if silence.tracks > 0 {
            rooms.insert(room.clone(), silence);
        }
        if silence != before {
            let tracks = rooms.values().map(|room| room.tracks).sum();
            let longest = rooms.values().map(|room| room.longest).max();
            metrics::silent_tracks(tracks, longest.unwrap_or(Duration::ZERO));
        }
    }
}
