//! What a platform is asked to do about the people in a room, and how it describes them.

use chrono::{DateTime, Utc};
use domain::participant::ParticipantKind;
use domain::permissions::Permissions;
use domain::track::ObservedTrack;
use domain::{Identity, TrackSid};

use crate::Capability;

/// A command about a room or somebody in it. Carrying it out again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Disconnects somebody. Their token stays valid until it expires.
    Remove(Identity),
    /// Mutes one track of somebody, or all of them. They can unmute themselves.
    Mute(Identity, TrackChoice),
    /// Unmutes one track of somebody, or all of them.
    Unmute(Identity, TrackChoice),
    /// Changes what somebody may do. Tracks that they may no longer publish end. Whether they are hidden stays as it is.
    Permit(Identity, Permissions),
    /// Ends the meeting and disconnects everyone.
    End,
}

/// Which tracks of a person a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackChoice {
    All,
    One(TrackSid),
}

/// Somebody who is connected to a room now.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectedPerson {
    pub identity: Identity,
    /// Empty if they have none.
    pub display_name: String,
    pub kind: ParticipantKind,
    /// `None` if the platform does not report it.
    pub joined_at: Option<DateTime<Utc>>,
    pub permissions: Permissions,
    pub tracks: Vec<ConnectedTrack>,
}

/// A track that somebody publishes now.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectedTrack {
    pub track: ObservedTrack,
    pub is_muted: bool,
    /// Size of the picture in pixels; 0 for audio.
    pub width: u32,
    pub height: u32,
}

impl Control {
    /// Returns what a platform must be able to do to carry it out.
    pub fn capability(&self) -> Capability {
        match self {
            Self::Remove(_) => Capability::RemoveParticipants,
            Self::Mute(..) => Capability::MuteTracks,
            Self::Unmute(..) => Capability::UnmuteTracks,
            Self::Permit(..) => Capability::ChangePermissions,
            Self::End => Capability::EndMeetings,
        }
    }
}
