//! What most tests do with a stack: let people in, and wait for what becomes of them.

use std::time::Duration;

use domain::manifest::Manifest;

use super::Stack;
use crate::{
    api::{Meeting, Recording},
    audio::RecordedFile,
    participant::Participant,
    wait_until,
};

/// How long anything may take that needs no waiting for a reconciler.
const SOON: Duration = Duration::from_secs(20);

/// How long the text of a short meeting may take.
const TEXT: Duration = Duration::from_secs(60);

impl Stack {
    /// Lets somebody into a room, through the API.
    ///
    /// # Panics
    /// When they cannot join.
    pub async fn join(&self, room: &str, display_name: &str) -> Participant {
        Participant::join(&self.livekit, &self.api().join(room, display_name).await).await
    }

    /// The latest meeting of a room, as soon as there is one.
    ///
    /// # Panics
    /// Like all waits here, when it does not come in time.
    pub async fn meeting(&self, room: &str) -> Meeting {
        wait_until("the meeting is open", SOON, async || {
            self.api().meetings(room).await.into_iter().next()
        })
        .await
    }

    /// The recordings of the latest meeting of a room.
    pub async fn recordings(&self, room: &str) -> Vec<Recording> {
        self.api().recordings(&self.meeting(room).await.id).await
    }

    /// The recording of a track, as soon as audio is being written or may be written.
    pub async fn active_recording(&self, room: &str, track: &str) -> Recording {
        self.recording(room, track, "it is active", SOON, |recording| {
            recording.state == "active"
        })
        .await
    }

    /// The recording of a track, as soon as its file and manifest are accepted.
    pub async fn accepted_recording(&self, room: &str, track: &str) -> Recording {
        let is_accepted = |recording: &Recording| recording.state == "complete" && recording.offset_ms.is_some();
        self.recording(room, track, "it is accepted", SOON, is_accepted).await
    }

    /// The recording of a track, as soon as it is as `is_it` wants.
    pub async fn recording(
        &self,
        room: &str,
        track: &str,
        what: &str,
        patience: Duration,
        is_it: impl Fn(&Recording) -> bool,
    ) -> Recording {
        let what = format!("the recording of {track}: {what}");
        wait_until(&what, patience, async || {
            let recordings = self.recordings(room).await;
            let failed = recordings
                .iter()
                .find(|recording| recording.state == "failed" && !is_it(recording));
            assert!(failed.is_none(), "a recording failed: {failed:?}");
            recordings
                .into_iter()
                .find(|recording| recording.track_sid == track && is_it(recording))
        })
        .await
    }

    /// The audio of a recording, listened to by other programs.
    pub async fn listen(&self, recording: &Recording) -> RecordedFile {
        RecordedFile::open(&self.api().audio(&recording.id).await)
    }

    /// # Panics
    /// When there is none, or it is not what a manifest must be.
    pub async fn manifest(&self, recording: &Recording) -> Manifest {
        let key = recording
            .manifest_key
            .as_ref()
            .expect("an accepted recording has a manifest");
        Manifest::from_json(&self.store.read(key).await).expect("manifests are readable")
    }

    /// The latest meeting, as soon as its transcript is in this state.
    pub async fn transcribed(&self, room: &str, state: &str) -> Meeting {
        wait_until(&format!("the transcript is {state}"), TEXT, async || {
            let meeting = self.meeting(room).await;
            (meeting.transcript.state == state).then_some(meeting)
        })
        .await
    }
}
