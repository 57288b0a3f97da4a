//! Commands of hosts, as the fake carries them out.

use std::collections::BTreeMap;

use domain::Identity;
use domain::meeting::LiveParticipant;
use domain::participant::{ParticipantKind, Role};
use domain::permissions::Permissions;

use super::{FakePlatform, State};
use crate::{ConnectedPerson, ConnectedTrack, Control, PlatformError};

impl FakePlatform {
    /// Returns all commands that were carried out, in order.
    pub fn commands(&self) -> Vec<Control> {
        self.state().commands.clone()
    }

    pub(super) fn list_people(&self, room: &str) -> Result<Vec<ConnectedPerson>, PlatformError> {
        let state = self.state_if_up()?;
        let live = state.rooms.get(room).into_iter().flat_map(|live| &live.participants);
        let people = live.filter(|live| live.participant.kind != ParticipantKind::Recorder);
        Ok(people.map(|live| person(live, &state.permitted)).collect())
    }

    pub(super) fn carry_out(&self, room: &str, command: &Control) -> Result<(), PlatformError> {
        let mut state = self.state_if_up()?;
        match command {
            Control::Remove(identity) => state.remove(room, identity),
            Control::End => drop(state.rooms.remove(room)),
            Control::Permit(identity, _) | Control::Mute(identity, _) | Control::Unmute(identity, _)
                if !state.is_connected(room, identity) =>
            {
                return Err(self.not_found());
            }
            Control::Permit(identity, permissions) => {
                state.permitted.insert(identity.clone(), *permissions);
            }
            Control::Mute(..) | Control::Unmute(..) => {}
        }
        state.commands.push(command.clone());
        Ok(())
    }
}

impl State {
    fn remove(&mut self, room: &str, identity: &Identity) {
        if let Some(live) = self.rooms.get_mut(room) {
            live.participants.retain(|live| live.participant.identity != *identity);
        }
    }

    fn is_connected(&self, room: &str, identity: &Identity) -> bool {
        let live = self.rooms.get(room).into_iter().flat_map(|live| &live.participants);
        live.into_iter().any(|live| live.participant.identity == *identity)
    }
}

fn person(live: &LiveParticipant, permitted: &BTreeMap<Identity, Permissions>) -> ConnectedPerson {
    let participant = &live.participant;
    let permissions = permitted.get(&participant.identity).copied();
    ConnectedPerson {
        identity: participant.identity.clone(),
        display_name: participant.display_name.clone(),
        kind: participant.kind,
        joined_at: participant.joined_at,
        permissions: permissions.unwrap_or(Permissions::of(Role::Participant)),
        tracks: live.tracks.iter().cloned().map(track).collect(),
    }
}

fn track(track: domain::track::ObservedTrack) -> ConnectedTrack {
    ConnectedTrack {
        track,
        is_muted: false,
        width: 0,
        height: 0,
    }
}
