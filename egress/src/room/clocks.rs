//! The clock of each room. All tracks of a room share one, so that a step of the system clock does not move them against
//! each other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use media::WallClock;

use super::open_rooms::RoomKey;
use crate::clock;

/// How long a clock is kept after the last recording that used it began: longer than any meeting, so that a track which
/// is published after everybody was silent for a while still gets the same one.
const KEEP: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The clocks by room; clones share them.
#[derive(Clone, Default)]
pub(super) struct RoomClocks {
    clocks: Arc<Mutex<HashMap<RoomKey, RoomClock>>>,
}

struct RoomClock {
    wall: WallClock,
    used_at: Instant,
}

impl RoomClocks {
    /// Returns the clock for a recording in `room`: `brought`, the one with which an earlier process began it, or else
    /// that of the room. The first of them becomes the room's; if there is none, it is read now.
    pub fn get(&self, room: &RoomKey, brought: Option<WallClock>) -> WallClock {
        let now = Instant::now();
        let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        clocks.retain(|_, clock| now.duration_since(clock.used_at) < KEEP);
        let clock = clocks.entry(room.clone()).or_insert_with(|| RoomClock {
            wall: brought.unwrap_or_else(clock::read),
            used_at: now,
        });
        clock.used_at = now;
        brought.unwrap_or(clock.wall)
    }
}

#[cfg(test)]
mod tests {
    use domain::UnixNanos;

    use super::*;

    fn room(sid: &str) -> RoomKey {
        RoomKey {
            name: "standup".into(),
            sid: sid.into(),
        }
    }

    #[test]
    fn a_room_keeps_its_clock_and_another_room_of_the_same_name_has_its_own() {
        let clocks = RoomClocks::default();
        let at = Instant::now();

        let [first, second, other] = ["RM_1", "RM_1", "RM_2"].map(|sid| clocks.get(&room(sid), None));

        assert_eq!(first.unix_nanos_at(at), second.unix_nanos_at(at));
        assert!(other.unix_nanos_at(at) >= first.unix_nanos_at(at) || other.unix_nanos_at(at) > UnixNanos(0));
    }

    #[test]
    fn the_clock_of_a_continued_recording_becomes_that_of_its_room() {
        let clocks = RoomClocks::default();
        let brought = stepped_by_an_hour();
        let at = Instant::now();

        let continued = clocks.get(&room("RM_1"), Some(brought));
        let new = clocks.get(&room("RM_1"), None);

        assert_eq!(continued.unix_nanos_at(at), brought.unix_nanos_at(at));
        assert_eq!(new.unix_nanos_at(at), brought.unix_nanos_at(at));
    }

    #[test]
    fn a_continued_recording_keeps_its_clock_in_a_room_that_has_one() {
        let clocks = RoomClocks::default();
        let brought = stepped_by_an_hour();
        let at = Instant::now();
        let first = clocks.get(&room("RM_1"), None);

        let continued = clocks.get(&room("RM_1"), Some(brought));
        let new = clocks.get(&room("RM_1"), None);

        assert_eq!(continued.unix_nanos_at(at), brought.unix_nanos_at(at));
        assert_eq!(new.unix_nanos_at(at), first.unix_nanos_at(at));
    }

    fn stepped_by_an_hour() -> WallClock {
        let clock = clock::read();
        WallClock {
            unix_nanos: clock.unix_nanos.saturating_add(3_600_000_000_000),
            ..clock
        }
    }
}
