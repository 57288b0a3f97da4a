//! Which of our rooms at Daily are live, and who is in them.

use std::collections::BTreeMap;

use domain::event::EventRoom;
use domain::meeting::LiveParticipant;
use domain::platform_room::PlatformRoomRef;

use super::event::observed;
use super::{DailyClient, Present};
use crate::room_name::room_id;
use crate::{PlatformError, Presence, PresentRoom};

/// Rooms of open meetings in which nobody is and that are looked at more closely, in one call. The others count as live until
/// a later call.
const MAX_CHECKED: usize = 5;

/// Asks once for the whole domain. A room that is missing in the answer is over only if its call has ended, too.
pub async fn presence(client: &DailyClient, open: &[PlatformRoomRef]) -> Result<Presence, PlatformError> {
    let present = client.presence().await?;
    let is_missing = |room: &&PlatformRoomRef| !present.contains_key(room.key.as_str());
    let mut rooms = Vec::new();
    for (checked, room) in open.iter().filter(is_missing).enumerate() {
        if checked >= MAX_CHECKED || is_ongoing(client, room).await? {
            rooms.push(live(room.key.as_str(), Vec::new()));
        }
    }
    rooms.extend(ours(present).map(|(name, people)| live(&name, people)));
    Ok(Presence::Known(rooms))
}

/// Lists everyone in a room.
pub async fn participants(client: &DailyClient, room: &str) -> Result<Vec<LiveParticipant>, PlatformError> {
    let mut present = client.presence().await?;
    let people = present.remove(room).unwrap_or_default();
    Ok(people.into_iter().map(participant).collect())
}

async fn is_ongoing(client: &DailyClient, room: &PlatformRoomRef) -> Result<bool, PlatformError> {
    let calls = client.list_meetings(room.key.as_str()).await?;
    Ok(calls.iter().any(|call| call.ended_at.is_none()))
}

/// Leaves out the rooms of others in the same domain.
fn ours(present: BTreeMap<String, Vec<Present>>) -> impl Iterator<Item = (String, Vec<Present>)> {
    present.into_iter().filter(|(name, _)| room_id(name).is_some())
}

fn live(name: &str, people: Vec<Present>) -> PresentRoom {
    PresentRoom {
        room: EventRoom {
            name: None,
            key: name.into(),
            session: None,
            created_at: None,
        },
        people: Some(people.into_iter().map(participant).collect()),
    }
}

/// Daily names no tracks.
fn participant(present: Present) -> LiveParticipant {
    LiveParticipant {
        participant: observed(present),
        tracks: Vec::new(),
        capture_ids: Vec::new(),
        beat: None,
    }
}
