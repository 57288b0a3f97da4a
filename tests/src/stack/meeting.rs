//! Joins rooms of a stack and waits for meetings, recordings and transcripts.

use std::time::Duration;

use domain::manifest::Manifest;
use serde_json::json;
use test_support::{Participant, audio::RecordedFile, wait_until};

use super::Stack;
use crate::api::{Meeting, Recording};

/// Timeout for everything that does not wait for a reconciler.
const EVENT_TIMEOUT: Duration = Duration::from_secs(20);

/// Timeout for the transcript of a short meeting.
const TRANSCRIPT_TIMEOUT: Duration = Duration::from_secs(60);

impl Stack {
    /// Joins a room with a token of the API.
    ///
    /// # Panics
    /// When the API or LiveKit refuses.
    pub async fn join(&self, room: &str, display_name: &str) -> Participant {
        let join = self.api().join(room, display_name).await;
        Participant::join_with_token(&self.livekit, &join.identity, &join.url, &join.token).await
    }

    /// Joins a room with a token of the API for this identity.
    ///
    /// # Panics
    /// When the API or LiveKit refuses.
    pub async fn join_as(&self, room: &str, identity: &str) -> Participant {
        let body = json!({ "display_name": "Ada", "identity": identity });
        let join = self.api().join_with(room, body).await;
        Participant::join_with_token(&self.livekit, &join.identity, &join.url, &join.token).await
    }

    /// Waits for a meeting in a room and returns the latest.
    ///
    /// # Panics
    /// Like the other methods that wait, after their timeout.
    pub async fn meeting(&self, room: &str) -> Meeting {
        wait_until("a meeting exists", EVENT_TIMEOUT, async || {
            self.api().meetings(room).await.into_iter().next()
        })
        .await
    }

    /// Lists the recordings of the latest meeting in a room.
    pub async fn recordings(&self, room: &str) -> Vec<Recording> {
        self.api().recordings(&self.meeting(room).await.id).await
    }

    /// Waits until the recording of a track is active, so that any audio is written.
    pub async fn active_recording(&self, room: &str, track: &str) -> Recording {
        self.recording(room, track, "it is active", EVENT_TIMEOUT, |recording| {
            recording.state == "active"
        })
        .await
    }

    /// Waits until file and manifest of a track's recording are accepted.
    pub async fn accepted_recording(&self, room: &str, track: &str) -> Recording {
        let is_accepted = |recording: &Recording| recording.state == "complete" && recording.offset_ms.is_some();
        self.recording(room, track, "it is accepted", EVENT_TIMEOUT, is_accepted)
            .await
    }

    /// Waits until the recording of a track meets `condition`, which `what` describes.
    pub async fn recording(
        &self,
        room: &str,
        track: &str,
        what: &str,
        timeout: Duration,
        condition: impl Fn(&Recording) -> bool,
    ) -> Recording {
        let what = format!("the recording of {track}: {what}");
        wait_until(&what, timeout, async || {
            let recordings = self.recordings(room).await;
            let failed = recordings
                .iter()
                .find(|recording| recording.state == "failed" && !condition(recording));
            assert!(failed.is_none(), "a recording failed: {failed:?}");
            recordings
                .into_iter()
                .find(|recording| recording.track_sid == track && condition(recording))
        })
        .await
    }

    /// Downloads and decodes the audio of a recording.
    pub async fn decode(&self, recording: &Recording) -> RecordedFile {
        RecordedFile::open(&self.api().audio(&recording.id).await)
    }

    /// Reads the manifest of an accepted recording.
    ///
    /// # Panics
    /// When it is missing or invalid.
    pub async fn manifest(&self, recording: &Recording) -> Manifest {
        let key = recording
            .manifest_key
            .as_ref()
            .expect("an accepted recording has a manifest");
        Manifest::from_json(&self.store.read(key).await).expect("the manifest is valid")
    }

    /// Waits until the transcript of the latest meeting is in `state`.
    pub async fn transcribed(&self, room: &str, state: &str) -> Meeting {
        wait_until(&format!("the transcript is {state}"), TRANSCRIPT_TIMEOUT, async || {
            let meeting = self.meeting(room).await;
            (meeting.transcript.state == state).then_some(meeting)
        })
        .await
    }
}
