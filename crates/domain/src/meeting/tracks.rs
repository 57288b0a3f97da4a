//! Published tracks, and whether they should be recorded.

use chrono::{DateTime, Utc};

use super::intervals::earlier;
use super::{Env, Meeting, Outcome};
use crate::event::TrackEvent;
use crate::recording::{FailureReason, RecordingState};
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
    /// its event is late: an egress may already be running, and its reports must find a recording.
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

    /// Decides whether a track should be recorded. An egress that has started is not stopped.
    fn decide_recording(&mut self, track: usize, room: &Room, env: Env<'_>) {
        let refusal = self.refusal(track, room);
        let id = self.tracks[track].id;
        if refusal.is_some() {
            self.recordings
                .retain(|r| r.track_id != id || r.state != RecordingState::Requested || r.egress_id.is_some());
        }
        let has_recording = self.recordings_of(id).next().is_some();
        let silent = self.is_silent(id).then_some(NotRecorded::NoAudio);
        self.tracks[track].not_recorded = refusal.filter(|_| !has_recording).or(silent);
        if refusal.is_none() && !has_recording {
            self.request_recording(track, env);
        }
    }

    pub(super) fn refusal(&self, track: usize, room: &Room) -> Option<NotRecorded> {
        let track = &self.tracks[track];
        track.refusal(self.publisher(track.participant_id).and_then(|p| p.kind), room)
    }

    /// Marks tracks that ended before their first packet as having no audio.
    pub(super) fn mark_silent_tracks(&mut self) {
        for track in 0..self.tracks.len() {
            let is_silent = self.is_silent(self.tracks[track].id);
            let not_recorded = &mut self.tracks[track].not_recorded;
            match (*not_recorded, is_silent) {
                (None, true) => *not_recorded = Some(NotRecorded::NoAudio),
                (Some(NotRecorded::NoAudio), false) => *not_recorded = None,
                _ => {}
            }
        }
    }

    fn is_silent(&self, track: TrackId) -> bool {
        let mut any_silent = false;
        for recording in self.recordings_of(track) {
            match &recording.state {
                RecordingState::Failed(failed) => any_silent |= failed.reason == FailureReason::NoAudio,
                _ => return false,
            }
        }
        any_silent
    }
}
