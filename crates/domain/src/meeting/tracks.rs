//! What was published, and whether it is to be recorded.

use chrono::{DateTime, Utc};

use super::intervals::earlier;
use super::{Meeting, Outcome, Source};
use crate::event::TrackEvent;
use crate::recording::{FailureReason, RecordingState};
use crate::room::Room;
use crate::track::{NotRecorded, Track};
use crate::{ParticipantId, TrackId};

impl Meeting {
    pub(super) fn published(&mut self, of: &TrackEvent, at: DateTime<Utc>, room: &Room, source: Source<'_>) -> Outcome {
        self.know_track(of, at, room, source);
        Outcome::Applied
    }

    pub(super) fn unpublished(
        &mut self,
        of: &TrackEvent,
        at: DateTime<Utc>,
        room: &Room,
        source: Source<'_>,
    ) -> Outcome {
        let known = self.know_track(of, at, room, source);
        self.tracks[known].unpublished_at = earlier(self.tracks[known].unpublished_at, at);
        Outcome::Applied
    }

    /// The place of a track in the list, made known if it is not. Every new track that is to be recorded gets a request,
    /// also when we hear of it late: its egress may be running, and its reports must find a recording.
    fn know_track(&mut self, of: &TrackEvent, at: DateTime<Utc>, room: &Room, source: Source<'_>) -> usize {
        if let Some(known) = self.tracks.iter().position(|t| t.sid == of.track.sid) {
            let track = &mut self.tracks[known];
            track.published_at = track.published_at.min(at);
            return known;
        }
        let participant_id = self.participant_id(&of.identity, source);
        self.tracks.push(Track {
            id: TrackId((source.ids)()),
            meeting_id: self.head.id,
            participant_id,
            sid: of.track.sid.clone(),
            kind: of.track.kind,
            source: of.track.source,
            mime_type: of.track.mime_type.clone(),
            encrypted: of.track.encrypted,
            published_at: at,
            unpublished_at: None,
            not_recorded: None,
        });
        let new = self.tracks.len() - 1;
        self.consider(new, room, source);
        new
    }

    /// Decides again for the tracks of a participant, now that its kind is known.
    pub(super) fn reconsider_tracks(&mut self, publisher: ParticipantId, room: &Room, source: Source<'_>) {
        for track in 0..self.tracks.len() {
            if self.tracks[track].participant_id == publisher {
                self.consider(track, room, source);
            }
        }
    }

    /// Decides whether a track is recorded. What an egress has begun is left to end by itself.
    fn consider(&mut self, track: usize, room: &Room, source: Source<'_>) {
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
            self.request(track, source);
        }
    }

    pub(super) fn refusal(&self, track: usize, room: &Room) -> Option<NotRecorded> {
        let track = &self.tracks[track];
        track.refusal(self.publisher(track.participant_id).and_then(|p| p.kind), room)
    }

    /// Says of tracks that ended before any packet why they have nothing to hear.
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
