//! Which of our meetings at Whereby are live, and who is in them. Only Whereby's insights tell, and they cost many points, so
//! they are asked as seldom as the plan requires; in between, nothing is known.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::event::EventRoom;
use domain::meeting::LiveParticipant;
use domain::platform_room::PlatformRoomRef;

use super::client::Points;
use super::event::observed;
use super::{RoomSession, WherebyClient};
use crate::{PlatformError, Presence, PresentRoom};

/// Shortest time between two looks. A meeting that ends is noticed after two of them.
const INTERVAL: Duration = Duration::from_secs(60);

/// Which part of the plan's points the looks may use: people who join come first.
const SHARE: f64 = 0.5;

/// Points that one meeting costs in one look: its sessions and the people in the one that is running.
const POINTS_PER_MEETING: u32 = 2 * Points::Heavy as u32;

/// Asks who is where, at times that the plan can pay.
#[derive(Debug)]
pub struct Attendance {
    points_per_minute: u32,
    /// When the last look was begun, and how many meetings it was about.
    last: Mutex<Option<(Instant, usize)>>,
}

impl Attendance {
    /// Creates it for a plan.
    pub fn new(points_per_minute: u32) -> Self {
        Self {
            points_per_minute,
            last: Mutex::new(None),
        }
    }

    /// Asks about each room, or returns [`Presence::Unknown`] if that was done a short time ago.
    pub async fn presence(&self, client: &WherebyClient, open: &[PlatformRoomRef]) -> Result<Presence, PlatformError> {
        if !self.is_due(open.len(), Instant::now()) {
            return Ok(Presence::Unknown);
        }
        let mut rooms = Vec::new();
        for room in open {
            if let Some(session) = running(client, room).await? {
                rooms.push(live(client, room, session).await?);
            }
        }
        Ok(Presence::Known(rooms))
    }

    fn is_due(&self, meetings: usize, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|(at, asked)| now.duration_since(at) >= self.pause_after(asked));
        if is_due {
            *last = Some((now, meetings));
        }
        is_due
    }

    /// Returns after which time the plan can pay another look.
    fn pause_after(&self, meetings: usize) -> Duration {
        let points = meetings as f64 * f64::from(POINTS_PER_MEETING);
        let minutes = points / (f64::from(self.points_per_minute.max(1)) * SHARE);
        Duration::try_from_secs_f64(minutes * 60.0)
            .unwrap_or(INTERVAL)
            .max(INTERVAL)
    }
}

/// Returns the session that is running in a room.
async fn running(client: &WherebyClient, room: &PlatformRoomRef) -> Result<Option<RoomSession>, PlatformError> {
    let sessions = client.list_sessions(room.key.as_str()).await?;
    Ok(sessions.into_iter().find(|session| session.ended_at.is_none()))
}

async fn live(
    client: &WherebyClient,
    room: &PlatformRoomRef,
    session: RoomSession,
) -> Result<PresentRoom, PlatformError> {
    let attendees = client.list_attendees(&session.id).await?;
    let present = attendees.iter().filter(|attendee| attendee.left_at.is_none());
    Ok(PresentRoom {
        people: Some(present.filter_map(observed).map(participant).collect()),
        room: EventRoom {
            name: None,
            key: room.key.clone(),
            session: Some(session.id.into()),
            created_at: session.started_at,
        },
    })
}

/// Whereby names no tracks.
fn participant(participant: domain::participant::ObservedParticipant) -> LiveParticipant {
    LiveParticipant {
        participant,
        tracks: Vec::new(),
        capture_ids: Vec::new(),
        beat: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_as_far_apart_as_the_plan_requires() {
        let attendance = |points| Attendance::new(points);

        assert_eq!(attendance(100).pause_after(1), INTERVAL);
        assert_eq!(attendance(100).pause_after(10), Duration::from_secs(240));
        assert_eq!(attendance(1000).pause_after(10), INTERVAL);
        assert_eq!(attendance(0).pause_after(0), INTERVAL);
    }

    #[test]
    fn the_first_look_is_due_at_once_and_the_next_one_after_the_pause() {
        let (attendance, now) = (Attendance::new(100), Instant::now());

        assert!(attendance.is_due(10, now));
        assert!(!attendance.is_due(10, now + Duration::from_secs(239)));
        assert!(attendance.is_due(10, now + Duration::from_secs(240)));
    }
}
