//! Jobs: deferred work, stored as rows. Payloads consist of ids, and payloads written by older versions stay readable.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::meeting::RECORDER_MAY_RETURN;
use crate::{CaptureId, MeetingId, RecordingId};

/// A job's payload. In JSON, the tag `job` is the name of the job and of its queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Asks the platform to record a track, unless a capture already does.
    StartRecording {
        /// The requested capture. Older versions wrote the id of its recording, which is the same for what they requested.
        #[serde(alias = "recording_id")]
        capture_id: CaptureId,
    },
    /// Asks the platform who is in a room, and requests recordings whose recorder has left.
    CheckRoom {
        /// The open meeting.
        meeting_id: MeetingId,
    },
    /// Removes people who may not be in a meeting, and takes permissions that they may not have.
    EnforceControls {
        /// The open meeting.
        meeting_id: MeetingId,
    },
    /// Checks that object and manifest of an ended capture exist and agree.
    AcceptRecording {
        /// The complete recording.
        recording_id: RecordingId,
    },
    /// Transcribes one recording.
    TranscribeTrack {
        /// The accepted recording.
        recording_id: RecordingId,
    },
    /// Merges the words of all recordings of a closed meeting into one transcript.
    MergeTranscript {
        /// The settled meeting.
        meeting_id: MeetingId,
    },
    /// Writes the transcript to the store in every format.
    ExportTranscript {
        /// The meeting whose transcript is ready.
        meeting_id: MeetingId,
    },
}

/// The kinds of jobs. Each kind has its own queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    /// Queue of [`Job::StartRecording`].
    StartRecording,
    /// Queue of [`Job::CheckRoom`].
    CheckRoom,
    /// Queue of [`Job::EnforceControls`].
    EnforceControls,
    /// Queue of [`Job::AcceptRecording`].
    AcceptRecording,
    /// Queue of [`Job::TranscribeTrack`].
    TranscribeTrack,
    /// Queue of [`Job::MergeTranscript`].
    MergeTranscript,
    /// Queue of [`Job::ExportTranscript`].
    ExportTranscript,
}

/// How often and how long a job is tried before it is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobLimits {
    /// Failed attempts. An outage of a service does not count, and progress sets the count back.
    pub max_attempts: i32,
    /// Longest time of one attempt.
    pub timeout: Duration,
    /// Longest pause between two attempts while a service does not answer.
    pub max_pause: Duration,
    /// How long a job may wait for services, since it was queued or made its last progress.
    pub deadline: Duration,
}

impl Queue {
    /// All queues, in the order of a recording's path.
    pub const ALL: [Self; 7] = [
        Self::StartRecording,
        Self::CheckRoom,
        Self::EnforceControls,
        Self::AcceptRecording,
        Self::TranscribeTrack,
        Self::MergeTranscript,
        Self::ExportTranscript,
    ];

    /// Returns the queue's name, as in the `queue` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartRecording => "start_recording",
            Self::CheckRoom => "check_room",
            Self::EnforceControls => "enforce_controls",
            Self::AcceptRecording => "accept_recording",
            Self::TranscribeTrack => "transcribe_track",
            Self::MergeTranscript => "merge_transcript",
            Self::ExportTranscript => "export_transcript",
        }
    }

    /// Returns how often and how long a job is tried before it is dead.
    pub fn limits(self) -> JobLimits {
        let limits = |max_attempts: i32, timeout_s: u64, max_pause_s: u64, deadline_days: u64| JobLimits {
            max_attempts,
            timeout: Duration::from_secs(timeout_s),
            max_pause: Duration::from_secs(max_pause_s),
            deadline: Duration::from_secs(deadline_days * 24 * 3600),
        };
        match self {
            // Somebody may be talking: when the platform returns, recording starts within seconds.
            Self::StartRecording => limits(8, 60, 8, 1),
            // The reconciler checks every room anyway, every 15 s.
            Self::CheckRoom => limits(3, 60, 8, 1),
            // Somebody is where they may not be: once the platform returns, they are removed within seconds.
            Self::EnforceControls => limits(8, 60, 8, 1),
            // Its timeouts in the job add up to less: a slow store costs no attempt.
            Self::AcceptRecording => limits(12, 3600, 60, 14),
            Self::TranscribeTrack => limits(6, 6 * 3600, 60, 14),
            Self::MergeTranscript | Self::ExportTranscript => limits(10, 300, 60, 14),
        }
    }

    /// Returns how many attempts a job gets before it is dead.
    pub fn max_attempts(self) -> i32 {
        self.limits().max_attempts
    }

    /// Returns how long a job waits after it was queued before it is due.
    pub fn delay(self) -> Duration {
        match self {
            Self::CheckRoom => RECORDER_MAY_RETURN.to_std().unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// Returns how long one attempt may take.
    pub fn timeout(self) -> Duration {
        self.limits().timeout
    }
}

/// What a job is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobSubject {
    /// One capture.
    Capture(CaptureId),
    /// One recording.
    Recording(RecordingId),
    /// One meeting.
    Meeting(MeetingId),
}

impl Job {
    /// Returns what the job is about.
    pub fn subject(&self) -> JobSubject {
        match *self {
            Self::StartRecording { capture_id } => JobSubject::Capture(capture_id),
            Self::AcceptRecording { recording_id } | Self::TranscribeTrack { recording_id } => {
                JobSubject::Recording(recording_id)
            }
            Self::CheckRoom { meeting_id }
            | Self::EnforceControls { meeting_id }
            | Self::MergeTranscript { meeting_id }
            | Self::ExportTranscript { meeting_id } => JobSubject::Meeting(meeting_id),
        }
    }

    /// Returns the queue of the job.
    pub fn queue(&self) -> Queue {
        match self {
            Self::StartRecording { .. } => Queue::StartRecording,
            Self::CheckRoom { .. } => Queue::CheckRoom,
            Self::EnforceControls { .. } => Queue::EnforceControls,
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
    fn every_job_outlives_an_outage_of_hours() {
        for queue in Queue::ALL {
            let limits = queue.limits();
            assert!(limits.deadline >= Duration::from_secs(24 * 3600), "{queue:?}");
            assert!(limits.max_pause <= Duration::from_secs(60), "{queue:?}");
        }
    }

    #[test]
    fn a_request_that_an_older_version_queued_is_read() {
        let text = r#"{"job":"start_recording","recording_id":"00000000-0000-0000-0000-000000000000"}"#;

        let capture_id = CaptureId(Uuid::nil());
        assert_eq!(
            serde_json::from_str::<Job>(text).unwrap(),
            Job::StartRecording { capture_id }
        );
    }

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
