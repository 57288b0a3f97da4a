//! Who is in the rooms of a platform now.

use domain::event::EventRoom;
use domain::meeting::LiveParticipant;

/// What a platform says about its rooms.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    /// Every room that is live now. Others are over.
    Known(Vec<PresentRoom>),
    /// The platform cannot tell now. Nothing may be concluded from it: unknown is not empty.
    Unknown,
}

/// A live room.
#[derive(Clone, Debug, PartialEq)]
pub struct PresentRoom {
    pub room: EventRoom,
    /// Everyone who is connected, recorders included. `None` if the platform has to be asked for each room
    /// ([`Platform::list_participants`](crate::Platform::list_participants)).
    pub people: Option<Vec<LiveParticipant>>,
}
