//! The room as the server describes it: ourselves, the others and their tracks.

use livekit_protocol::{JoinResponse, ParticipantInfo};

use super::{
    events::LocalParticipant,
    participants::{Participants, TrackChange},
};
use crate::{
    error::LeaveReason,
    ids::{RoomSid, TrackSid},
    track_info::TrackInfo,
};

#[derive(Debug, Default)]
pub(super) struct RoomState {
    local: LocalParticipant,
    others: Participants,
    /// The next update lists all participants.
    expects_full_list: bool,
}

impl RoomState {
    pub fn local(&self) -> &LocalParticipant {
        &self.local
    }

    pub fn track(&self, sid: &TrackSid) -> Option<&TrackInfo> {
        self.others.track(sid)
    }

    /// Applies the answer to a join, except for the room's sid.
    pub fn handle_join(&mut self, join: &JoinResponse) -> Vec<TrackChange> {
        let local = join.participant.clone().unwrap_or_default();
        *self = Self::default();
        self.local.sid = local.sid.into();
        self.local.identity = local.identity;
        self.others.replace(&self.local.sid, &join.other_participants)
    }

    /// The room's sid, which the server names once.
    pub fn set_sid(&mut self, room_sid: RoomSid) {
        self.local.room_sid = room_sid;
    }

    /// Returns the reason to leave if this room was replaced by another.
    pub fn changed_to(&self, room_sid: RoomSid) -> LeaveReason {
        LeaveReason::RoomChanged {
            was: self.local.room_sid.clone(),
            now: room_sid,
        }
    }

    /// After a resume the server sends a list of all participants.
    pub fn handle_resumed(&mut self) {
        self.expects_full_list = true;
    }

    pub fn handle_update(&mut self, updates: &[ParticipantInfo]) -> Vec<TrackChange> {
        if std::mem::take(&mut self.expects_full_list) {
            self.others.replace(&self.local.sid, updates)
        } else {
            self.others.update(&self.local.sid, updates)
        }
    }
}
