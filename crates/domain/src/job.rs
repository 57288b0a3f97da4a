//! Work for later. A job is a row; its payload is ids, and what was written by an older version stays readable.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{MeetingId, RecordingId};

/// What is to be done. The tag is the job's name and its queue's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Asks the platform to record a track, unless it is recorded already.
    StartRecording { recording_id: RecordingId },
    /// Checks that the object and the manifest of an ended egress are there and agree.
    AcceptRecording { recording_id: RecordingId },
    /// Turns one recording into words.
    TranscribeTrack { recording_id: RecordingId },
    /// Puts the words of all recordings of a closed meeting in one order.
    MergeTranscript { meeting_id: MeetingId },
    /// Writes the transcript to the store in every format.
    ExportTranscript { meeting_id: MeetingId },
}

/// The kinds of job, each with a queue of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    StartRecording,
    AcceptRecording,
    TranscribeTrack,
    MergeTranscript,
    ExportTranscript,
}

impl Queue {
    pub const ALL: [Self; 5] = [
        Self::StartRecording,
        Self::AcceptRecording,
        Self::TranscribeTrack,
        Self::MergeTranscript,
        Self::ExportTranscript,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartRecording => "start_recording",
            Self::AcceptRecording => "accept_recording",
            Self::TranscribeTrack => "transcribe_track",
            Self::MergeTranscript => "merge_transcript",
            Self::ExportTranscript => "export_transcript",
        }
    }

    /// How often a job is tried before it is dead.
    pub fn max_attempts(self) -> i32 {
        match self {
            Self::StartRecording => 8,
            Self::AcceptRecording => 12,
            Self::TranscribeTrack => 6,
            Self::MergeTranscript | Self::ExportTranscript => 10,
        }
    }

    /// How long one attempt may take.
    pub fn timeout(self) -> Duration {
        let seconds = match self {
            Self::StartRecording => 60,
            Self::AcceptRecording => 120,
            Self::TranscribeTrack => 6 * 3600,
            Self::MergeTranscript | Self::ExportTranscript => 300,
        };
        Duration::from_secs(seconds)
    }
}

impl Job {
    pub fn queue(&self) -> Queue {
        match self {
            Self::StartRecording { .. } => Queue::StartRecording,
            Self::AcceptRecording { .. } => Queue::AcceptRecording,
            Self::TranscribeTrack { .. } => Queue::TranscribeTrack,
            Self::MergeTranscript { .. } => Queue::MergeTranscript,
            Self::ExportTranscript { .. } => Queue::ExportTranscript,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_payload_names_its_job_and_reads_back() {
        let job = Job::TranscribeTrack {
            recording_id: RecordingId(Uuid::nil()),
        };

        let text = serde_json::to_string(&job).unwrap();

        assert_eq!(
            text,
            r#"{"job":"transcribe_track","recording_id":"00000000-0000-0000-0000-000000000000"}"#
        );
        assert_eq!(serde_json::from_str::<Job>(&text).unwrap(), job);
        assert_eq!(job.queue().as_str(), "transcribe_track");
    }
}
