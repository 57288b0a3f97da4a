//! Published tracks, and whether they should be recorded.

use chrono::{DateTime, Utc};

use super::intervals::earlier;
use super::{Env, Meeting, Outcome};
use crate::event::TrackEvent;
use crate::recording::FailureReason;
use crate::room::Room;
use crate::track::{NotRecorded, Track};
use crate::{ParticipantId, TrackId};

impl Meeting {
    pub(super) fn published(&mut self, event: &TrackEvent, at: DateTime<Utc>, room: &Room, env: Env<'_>) -> Outcome {
        self.find_or_add_track(event, at, room, env);
        Outcome::Applied
    }

    pub(super) fn unpublished(&mut self, event: &TrackEvent, at: DateTime<Utc>, room: &Room, env: Env<'_>) -> Outcome {
        let index = self.find_or_add_track(event, at, room, env);
        self.tracks[index].unpublished_at = earlier(self.tracks[index].unpublished_at, at);
        Outcome::Applied
    }

    /// Returns the index of a track, and adds it if it is new. A new track that should be recorded gets a request even if
    /// its event is late: a capture may already be running, and its reports must find a recording.
    fn find_or_add_track(&mut self, event: &TrackEvent, at: DateTime<Utc>, room: &Room, env: Env<'_>) -> usize {
        if let Some(index) = self.tracks.iter().position(|t| t.sid == event.track.sid) {
            let track = &mut self.tracks[index];
            track.published_at = track.published_at.min(at);
            return index;
        }
        let participant_id = self.find_or_add_participant(&event.identity, env);
        self.tracks.push(Track {
            id: TrackId((env.ids)()),
            meeting_id: self.head.id,
            participant_id,
            sid: event.track.sid.clone(),
            kind: event.track.kind,
            source: event.track.source,
            mime_type: event.track.mime_type.clone(),
            encrypted: event.track.encrypted,
            published_at: at,
            unpublished_at: None,
            not_recorded: None,
        });
        let new = self.tracks.len() - 1;
        self.decide_recording(new, room, env);
        new
    }

    /// Decides again about the tracks of a participant whose kind became known or changed.
    pub(super) fn reconsider_tracks(&mut self, publisher: ParticipantId, room: &Room, env: Env<'_>) {
        for track in 0..self.tracks.len() {
            if self.tracks[track].participant_id == publisher {
                self.decide_recording(track, room, env);
            }
        }
    }

    /// Decides whether a track should be recorded. A capture that has started is not stopped.
    fn decide_recording(&mut self, track: usize, room: &Room, env: Env<'_>) {
        let refusal = self.refusal(track, room);
        let id = self.tracks[track].id;
        if refusal.is_some() {
            self.withdraw(|capture| capture.is_of(id) && capture.is_unanswered());
        }
        let has_recording = self.recordings_of(id).next().is_some();
        let said = self.refused_by_recorder(id).or_else(|| self.silent(id));
        self.tracks[track].not_recorded = refusal.filter(|_| !has_recording).or(said);
        if refusal.is_none() && !has_recording {
            self.request_recording(track, env);
        }
    }

    pub(super) fn refusal(&self, track: usize, room: &Room) -> Option<NotRecorded> {
        let track = &self.tracks[track];
        track.refusal(self.publisher(track.participant_id).and_then(|p| p.kind), room)
    }

    /// Notes what recorders said about tracks that have no recording: that they had no audio, or cannot be recorded.
    pub(super) fn mark_unrecorded_tracks(&mut self) {
        for track in 0..self.tracks.len() {
            let id = self.tracks[track].id;
            if self.recordings_of(id).next().is_some() {
                self.tracks[track].not_recorded = self.refused_by_recorder(id).or_else(|| self.silent(id));
            }
        }
    }

    /// Returns the tracks that are published now, as far as we know.
    pub(super) fn live_tracks(&self) -> impl Iterator<Item = TrackId> {
        self.tracks.iter().filter(|t| t.unpublished_at.is_none()).map(|t| t.id)
    }

    /// Returns why no recorder can record a track, if one has said so. It would say so again.
    pub(super) fn refused_by_recorder(&self, track: TrackId) -> Option<NotRecorded> {
        self.recordings_of(track)
            .find_map(|recording| match recording.state.failure()? {
                FailureReason::E2ee => Some(NotRecorded::E2ee),
                FailureReason::Video => Some(NotRecorded::Video),
                FailureReason::Codec => Some(NotRecorded::Codec),
                _ => None,
            })
    }

    /// Returns [`NotRecorded::NoAudio`] if the recorders of a track say that it had none.
    fn silent(&self, track: TrackId) -> Option<NotRecorded> {
        let mut recordings = self.recordings_of(track).peekable();
        let any = recordings.peek().is_some();
        let all = recordings.all(|r| r.state.failure() == Some(FailureReason::NoAudio));
        (any && all).then_some(NotRecorded::NoAudio)
    }
}
