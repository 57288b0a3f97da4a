//! Who was there, and when.

use chrono::{DateTime, Utc};

use super::intervals::earlier;
use super::{Meeting, Source};
use crate::participant::{Connection, Participant, ParticipantSeen};
use crate::room::Room;
use crate::{ConnectionId, Identity, ParticipantId};

impl Meeting {
    pub(super) fn joined(&mut self, seen: &ParticipantSeen, at: DateTime<Utc>, room: &Room, source: Source<'_>) {
        let known = self.connect(seen, at, source);
        let is_over = self.connections[known].left_at.is_some();
        let is_described = self.participant(&seen.identity).is_some_and(|p| p.kind.is_some());
        if !(is_over && is_described) {
            self.describe(seen, known, room, source);
        }
    }

    pub(super) fn left(&mut self, seen: &ParticipantSeen, at: DateTime<Utc>, room: &Room, source: Source<'_>) {
        let known = self.connect(seen, at, source);
        self.connections[known].left_at = earlier(self.connections[known].left_at, at);
        self.describe(seen, known, room, source);
    }

    /// The participant of an identity, made known if it is not.
    pub(super) fn participant_id(&mut self, identity: &Identity, source: Source<'_>) -> ParticipantId {
        if let Some(known) = self.participant(identity) {
            return known.id;
        }
        let id = ParticipantId((source.ids)());
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

    /// The place of a connection in the list, made known if it is not. A time that the platform names for the join
    /// counts more than the time of an event.
    fn connect(&mut self, seen: &ParticipantSeen, at: DateTime<Utc>, source: Source<'_>) -> usize {
        if let Some(known) = self.connections.iter().position(|c| c.sid == seen.sid) {
            let connection = &mut self.connections[known];
            connection.joined_at = seen.joined_at.unwrap_or(connection.joined_at.min(at));
            return known;
        }
        let participant_id = self.participant_id(&seen.identity, source);
        self.connections.push(Connection {
            id: ConnectionId((source.ids)()),
            meeting_id: self.head.id,
            participant_id,
            sid: seen.sid.clone(),
            joined_at: seen.joined_at.unwrap_or(at),
            left_at: None,
        });
        self.connections.len() - 1
    }

    /// Takes name and kind from what was said of the participant's newest connection.
    fn describe(&mut self, seen: &ParticipantSeen, connection: usize, room: &Room, source: Source<'_>) {
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
        if !seen.display_name.is_empty() {
            participant.display_name.clone_from(&seen.display_name);
        }
        if participant.kind != Some(seen.kind) {
            participant.kind = Some(seen.kind);
            self.reconsider_tracks(participant_id, room, source);
        }
    }
}
