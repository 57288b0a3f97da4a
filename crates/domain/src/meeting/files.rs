//! The files of a capture of the whole meeting: one recording each.

use super::{Env, Meeting};
use crate::capture::report::file_observation;
use crate::event::{CaptureReport, CapturedFile};
use crate::participant::Participant;
use crate::recording::conclusion::{Observation, conclude_file};
use crate::recording::{RecordedTrack, Recording};
use crate::{CaptureId, Identity, ParticipantSid, PlatformFileId, RecordingId};

impl Meeting {
    /// Adds or updates a recording for each stored file of a report. The platform's id of the file tells which.
    pub(super) fn take_files(&mut self, capture: CaptureId, report: &CaptureReport, env: Env<'_>) {
        for file in &report.files {
            if let (Some(id), Some(observation)) = (&file.id, file_observation(report, file)) {
                let recording = self.take_file(capture, id, observation, env);
                self.attribute(recording, file);
            }
        }
    }

    /// Returns the index of a file's recording, after it has taken over the observation.
    fn take_file(&mut self, id: CaptureId, file: &PlatformFileId, observation: Observation, env: Env<'_>) -> usize {
        let captures = &self.captures;
        let capture = captures.iter().find(|c| c.id == id).expect("the report is of it");
        let is_same = |r: &Recording| r.capture_id == id && r.platform_file_id.as_ref() == Some(file);
        if let Some(index) = self.recordings.iter().position(is_same) {
            conclude_file(capture, &mut self.recordings[index], observation);
            return index;
        }
        let mut recording = Recording::new(RecordingId((env.ids)()), capture);
        recording.platform_file_id = Some(file.clone());
        recording.note(capture, observation);
        self.recordings.push(recording);
        self.recordings.len() - 1
    }

    /// Notes whose voice a file holds. What one report says and a later one leaves out stays known.
    fn attribute(&mut self, recording: usize, file: &CapturedFile) {
        let track = file.track_sid.as_ref().and_then(|sid| self.track(sid));
        let publisher = track.and_then(|track| self.publisher(track.participant_id));
        let speaker = publisher.or_else(|| self.participant_at(file.participant_sid.as_ref()?));
        let identity: Option<Identity> = file.identity.clone().or(speaker.map(|p| p.identity.clone()));
        let track = track.map(|track| RecordedTrack {
            id: track.id,
            sid: track.sid.clone(),
        });
        let recording = &mut self.recordings[recording];
        recording.mixed |= file.mixed;
        if !recording.mixed {
            recording.identity = identity.or(recording.identity.take());
            recording.track = track.or(recording.track.take());
        }
    }
    /// Whether a report has a file of somebody of whom we do not know yet that they were here.
    pub(super) fn lacks_speaker(&self, report: &CaptureReport) -> bool {
        let is_unknown = |file: &CapturedFile| {
            file.identity.is_none()
                && file
                    .participant_sid
                    .as_ref()
                    .is_some_and(|sid| self.participant_at(sid).is_none())
        };
        report.files.iter().any(is_unknown)
    }

    /// Returns whose connection it is.
    fn participant_at(&self, sid: &ParticipantSid) -> Option<&Participant> {
        let connection = self.connections.iter().find(|connection| connection.sid == *sid)?;
        self.publisher(connection.participant_id)
    }
}
