//! The platform rooms that the fake makes, as Daily or Whereby.

use chrono::{DateTime, TimeDelta, Utc};
use domain::PlatformRoomKey;
use domain::event::PlatformKind;
use domain::platform_room::MadeRoom;

use super::{Availability, FakePlatform};
use crate::{LeftoverRoom, PlatformError, RoomToJoin};

/// How long a platform room that the fake makes exists.
const ROOM_LIFE: TimeDelta = TimeDelta::hours(24);

impl FakePlatform {
    /// Returns the platform rooms that were made and not deleted.
    pub fn made(&self) -> Vec<PlatformRoomKey> {
        self.state().made.iter().map(|room| room.key.clone()).collect()
    }

    /// Adds a platform room that a process made which then died.
    pub fn leave_behind(&self, room: LeftoverRoom) {
        self.state().made.push(room);
    }

    /// Returns all rooms that were deleted, in order.
    pub fn deleted(&self) -> Vec<PlatformRoomKey> {
        self.state().deleted.clone()
    }

    /// Makes the platform room that a request needs.
    pub(super) async fn make_room(
        &self,
        room: &RoomToJoin,
        now: DateTime<Utc>,
    ) -> Result<Option<MadeRoom>, PlatformError> {
        if self.kind == PlatformKind::Livekit || room.current.is_some() {
            return Ok(None);
        }
        if self.state().availability == Availability::Hangs {
            std::future::pending::<()>().await;
        }
        let mut state = self.state_if_up()?;
        let made_here = state.made.len() + state.deleted.len();
        let number = match self.kind {
            PlatformKind::Whereby => made_here.to_string(),
            _ => room.made_before.to_string(),
        };
        let key = PlatformRoomKey(format!("{}-{number}", room.id));
        if !state.made.iter().any(|made| made.key == key) {
            state.made.push(LeftoverRoom {
                key: key.clone(),
                room_id: room.id,
                created_at: Some(now),
            });
        }
        let url = format!("https://{}.invalid/{key}", self.kind);
        Ok(Some(MadeRoom {
            host_url: Some(format!("{url}?host").into()),
            url,
            key,
            expires_at: now + ROOM_LIFE,
        }))
    }
}
