//! A person who speaks, and a worker process that records it and can be killed.

use std::{process::ExitStatus, time::Duration};

use domain::manifest::{GapCause, Manifest};
use livekit_protocol::{EgressInfo, EgressStatus};
use test_support::{
    Microphone, Participant,
    audio::{RecordedFile, SAMPLE_RATE, loudness, tone, tone_share},
    wait_until,
};

use super::{EgressStack, TIMEOUT, child::ChildWorker};

const WORKER: &str = "one";

/// A person who speaks, and a worker process that records it as `a.ogg`.
pub struct Recorded {
    pub stack: EgressStack,
    ada: Option<Participant>,
    microphone: Option<Microphone>,
    pub egress_id: String,
    worker: Option<ChildWorker>,
    /// More lines of the worker's configuration.
    extra: &'static str,
}

impl Recorded {
    /// Starts to record a person whose microphone is on.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    pub async fn start_with(extra: &'static str) -> Self {
        Self::start_on(EgressStack::start().await, extra).await
    }

    pub async fn start_on(stack: EgressStack, extra: &'static str) -> Self {
        let ada = stack.participant("ada").await;
        let microphone = ada.microphone().await;
        Self::record(stack, ada, microphone, extra).await
    }

    /// Starts to record a person who is muted.
    pub async fn start_muted() -> Self {
        let stack = EgressStack::start().await;
        let ada = stack.participant("ada").await;
        let microphone = ada.muted_microphone().await;
        Self::record(stack, ada, microphone, "").await
    }

    async fn record(stack: EgressStack, ada: Participant, microphone: Microphone, extra: &'static str) -> Self {
        let worker = stack.child(WORKER, extra).await;
        let egress_id = stack.record(microphone.sid(), "a.ogg").await.unwrap().egress_id;
        stack.egress_in(&egress_id, EgressStatus::EgressActive).await;
        Self {
            stack,
            ada: Some(ada),
            microphone: Some(microphone),
            egress_id,
            worker: Some(worker),
            extra,
        }
    }

    pub fn unmute(&self) {
        self.microphone.as_ref().unwrap().unmute();
    }

    /// The track ends.
    pub fn unpublish(&mut self) {
        self.microphone.take().unwrap().unpublish();
    }

    /// The person leaves the room.
    pub async fn leave(&mut self) {
        self.ada.take().unwrap().leave().await;
    }

    /// Kills the worker.
    pub fn kill(&mut self) {
        self.worker.take().unwrap().kill();
    }

    /// Tells the worker to stop. Returns its exit status, and how long that took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        self.worker.take().unwrap().terminate()
    }

    /// Starts the next worker. Returns once it receives requests.
    pub async fn restart(&mut self) {
        self.worker = Some(self.stack.child(WORKER, self.extra).await);
    }

    /// Starts the next worker, which may have to wait for Redis.
    pub fn restart_at_once(&mut self) {
        self.worker = Some(self.stack.child_at_once(WORKER, self.extra));
    }

    pub async fn play(&self, hz: f64, ms: usize) {
        let microphone = self.microphone.as_ref().unwrap();
        microphone.play(&tone(hz, ms * SAMPLE_RATE / 1000)).await;
    }

    /// Calls `StopEgress`, which the worker must answer.
    pub async fn stop(&self) -> EgressInfo {
        let stopped = self.stack.livekit.egress().stop_egress(&self.egress_id).await;
        stopped.unwrap()
    }

    pub async fn egress_in(&self, status: EgressStatus) -> EgressInfo {
        self.stack.egress_in(&self.egress_id, status).await
    }

    /// Waits until the worker has removed the folder of the recording.
    pub async fn removed(&self) {
        self.stack.removed(WORKER).await;
    }

    /// Waits until the worker has written more of the recording to its spool.
    pub async fn written_more(&self) {
        let path = self.stack.spooled_audio(WORKER, &self.egress_id);
        let size = || std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let before = size();
        let grown = async || (size() > before).then_some(());
        wait_until("more is written to the spool", TIMEOUT, grown).await;
    }

    pub fn file(&self) -> RecordedFile {
        RecordedFile::open(&self.stack.object("a.ogg"))
    }

    pub fn manifest(&self) -> Manifest {
        self.stack.manifest("a.json")
    }

    /// How long a tone of `hz` is heard in the stored file.
    pub fn heard_ms(&self, hz: f64) -> usize {
        heard_ms(&self.file(), hz)
    }

    /// The length of the listed hole that restarts left.
    pub fn hole_ms(&self) -> f64 {
        gaps_ms(&self.manifest(), GapCause::RecorderRestarted)
    }
}

/// How long a tone of `hz` is heard, in steps of 20 ms.
pub fn heard_ms(file: &RecordedFile, hz: f64) -> usize {
    let steps = file.samples.chunks_exact(SAMPLE_RATE / 50);
    steps
        .filter(|step| loudness(step) > 0.1 && tone_share(step, hz) > 0.9)
        .count()
        * 20
}

/// The length of all gaps with `cause`.
fn gaps_ms(manifest: &Manifest, cause: GapCause) -> f64 {
    let gaps = manifest.trackscribe.gaps.iter().filter(|gap| gap.cause == cause);
    gaps.map(|gap| gap.samples.0 as f64 / 48.0).sum()
}
