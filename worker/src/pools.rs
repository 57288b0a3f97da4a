//! Which work a worker does.

use clap::ValueEnum;
use domain::job::Queue;

/// The pools of work. Jobs that control recordings never wait for jobs that compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pool {
    /// Starts and accepts recordings and follows the platform; needs no speech engine
    Control,
    /// Transcribes recordings and makes transcripts
    Speech,
    /// Both, with separate slots. `up` runs one worker of this kind
    All,
}

impl Pool {
    /// Whether this worker reconciles with the platform and judges webhooks that the server could not judge.
    pub fn controls(self) -> bool {
        self != Self::Speech
    }

    /// Whether this worker uses a speech engine.
    pub fn transcribes(self) -> bool {
        self != Self::Control
    }

    /// Returns the queues of the pool, in the order of a recording's path.
    pub fn queues(self) -> Vec<Queue> {
        let is_ours = |queue: &Queue| match is_speech(*queue) {
            true => self.transcribes(),
            false => self.controls(),
        };
        Queue::ALL.into_iter().filter(is_ours).collect()
    }
}

fn is_speech(queue: Queue) -> bool {
    match queue {
        Queue::TranscribeTrack | Queue::MergeTranscript | Queue::ExportTranscript => true,
        Queue::StartRecording | Queue::CheckRoom | Queue::EnforceControls | Queue::AcceptRecording => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_belongs_to_one_pool_and_all_of_them_to_all() {
        let (control, speech) = (Pool::Control.queues(), Pool::Speech.queues());

        assert!(control.iter().all(|queue| !speech.contains(queue)));
        assert_eq!(control.len() + speech.len(), Queue::ALL.len());
        assert_eq!(Pool::All.queues(), Queue::ALL);
        assert!(control.contains(&Queue::StartRecording) && speech.contains(&Queue::TranscribeTrack));
    }
}
