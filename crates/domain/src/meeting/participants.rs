//! Participants and their connections.

use chrono::{DateTime, Utc};

use super::intervals::earlier;
use super::{Env, Meeting};
use crate::participant::{Connection, ObservedParticipant, Participant};
use crate::room::Room;
use crate::{ConnectionId, Identity, ParticipantId};

impl Meeting {
    pub(super) fn joined(&mut self, observed: &ObservedParticipant, at: DateTime<Utc>, room: &Room, env: Env<'_>) {
        let connection = self.find_or_add_connection(observed, at, env);
        let is_over = self.connections[connection].left_at.is_some();
        let is_described = self.participant(&observed.identity).is_some_and(|p| p.kind.is_some());
        if !(is_over && is_described) {
            self.describe(observed, connection, room, env);
        }
    }

    pub(super) fn left(&mut self, observed: &ObservedParticipant, at: DateTime<Utc>, room: &Room, env: Env<'_>) {
        let connection = self.find_or_add_connection(observed, at, env);
        self.connections[connection].left_at = earlier(self.connections[connection].left_at, at);
        self.describe(observed, connection, room, env);
    }

    /// Returns the participant of an identity, and adds them if they are new.
    pub(super) fn find_or_add_participant(&mut self, identity: &Identity, env: Env<'_>) -> ParticipantId {
        if let Some(known) = self.participant(identity) {
            return known.id;
        }
        let id = ParticipantId((env.ids)());
        let (meeting_id, identity) = (self.head.id, identity.clone());
        self.participants.push(Participant {
            id,
            meeting_id,
            identity,
            display_name: String::new(),
            kind: None,
        });
        id
    }

    /// Returns the index of a connection, and adds it if it is new. A join time given by the platform overrides the time
    /// of an event.
    fn find_or_add_connection(&mut self, observed: &ObservedParticipant, at: DateTime<Utc>, env: Env<'_>) -> usize {
        if let Some(index) = self.connections.iter().position(|c| c.sid == observed.sid) {
            let connection = &mut self.connections[index];
            connection.joined_at = observed.joined_at.unwrap_or(connection.joined_at.min(at));
            return index;
        }
        let participant_id = self.find_or_add_participant(&observed.identity, env);
        self.connections.push(Connection {
            id: ConnectionId((env.ids)()),
            meeting_id: self.head.id,
            participant_id,
            sid: observed.sid.clone(),
            joined_at: observed.joined_at.unwrap_or(at),
            left_at: None,
        });
        self.connections.len() - 1
    }

    /// Updates name and kind if `connection` is the participant's newest.
    fn describe(&mut self, observed: &ObservedParticipant, connection: usize, room: &Room, env: Env<'_>) {
        let Connection {
            participant_id,
            joined_at,
            ..
        } = self.connections[connection];
        let is_newest = self
            .connections
            .iter()
            .all(|c| c.participant_id != participant_id || c.joined_at <= joined_at);
        let Some(participant) = self
            .participants
            .iter_mut()
            .find(|p| p.id == participant_id)
            .filter(|_| is_newest)
        else {
            return;
        };
        if !observed.display_name.is_empty() {
            participant.display_name.clone_from(&observed.display_name);
        }
        if participant.kind != Some(observed.kind) {
            participant.kind = Some(observed.kind);
            self.reconsider_tracks(participant_id, room, env);
        }
    }
}
