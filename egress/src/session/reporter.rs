//! Owns the state of one egress: saves each change and reports it to livekit-server.

use std::sync::Arc;

use livekit_protocol::EgressInfo;
use tokio::sync::watch;

use super::{
    saved::{SavedState, StateFile},
    spec::RecordingSpec,
    state::{Egress, IllegalTransition},
    updates::UpdateQueue,
};
use crate::metrics;

/// What others see of a session.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub info: EgressInfo,
    /// Whether it still records. An ended recording that is being stored does not count against the worker's capacity.
    pub is_recording: bool,
}

/// The only writer of an egress's state.
pub struct StateReporter {
    egress: Egress,
    file: StateFile,
    snapshot: Arc<watch::Sender<Snapshot>>,
    /// `None` once it is finished.
    updates: Option<UpdateQueue>,
}

impl Snapshot {
    pub fn new(egress: &Egress, is_recording: bool) -> Self {
        Self {
            info: egress.info(),
            is_recording,
        }
    }
}

impl StateReporter {
    /// Continues with the state in `file`.
    pub fn new(
        spec: &RecordingSpec,
        file: StateFile,
        snapshot: Arc<watch::Sender<Snapshot>>,
        updates: UpdateQueue,
    ) -> Self {
        let saved = file.get();
        let egress = saved.egress(spec);
        snapshot.send_replace(Snapshot::new(&egress, saved.end.is_none()));
        Self {
            egress,
            file,
            snapshot,
            updates: Some(updates),
        }
    }

    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    pub fn saved(&self) -> SavedState {
        self.file.get()
    }

    /// Changes what is saved besides the state of the egress.
    pub fn save(&self, change: impl FnOnce(&mut SavedState)) {
        let is_recording = self.file.update(|saved| {
            change(saved);
            saved.end.is_none()
        });
        self.snapshot
            .send_if_modified(|snapshot| std::mem::replace(&mut snapshot.is_recording, is_recording) != is_recording);
    }

    /// Waits until everything is on stable storage; on a slow disk for a second at most.
    pub async fn flush(&self) {
        self.file.saved().await;
    }

    /// Makes a transition, saves it and reports it if it changed the state. An illegal transition changes nothing.
    pub fn transition(&mut self, transition: impl FnOnce(Egress) -> Result<Egress, IllegalTransition>) {
        match transition(self.egress.clone()) {
            Ok(next) if next == self.egress => {}
            Ok(next) => {
                self.update(|_| next);
                self.report();
            }
            Err(refused) => tracing::error!(egress = ?self.egress, "{refused}; this is a bug in the worker"),
        }
    }

    /// Changes details that are reported with the next transition.
    pub fn update(&mut self, update: impl FnOnce(Egress) -> Egress) {
        self.egress = update(self.egress.clone());
        let (state, updated_at) = (self.egress.state.clone(), self.egress.updated_at);
        self.file.update(|saved| {
            saved.state = state;
            saved.updated_at = updated_at;
        });
        let info = self.egress.info();
        self.snapshot.send_modify(|snapshot| snapshot.info = info);
    }

    /// Reports the current state. After a restart, nothing is sent if livekit-server knows it already.
    pub fn report(&self) {
        let info = self.egress.info();
        tracing::info!(
            egress.id = info.egress_id,
            room.name = info.room_name,
            error = info.error,
            "egress is {}",
            info.status().as_str_name()
        );
        if let Some(updates) = &self.updates {
            updates.push(info);
        }
    }

    /// Waits until livekit-server has acknowledged every report. No report follows.
    pub async fn finish(&mut self) {
        if let Some(updates) = self.updates.take() {
            metrics::ended(self.egress.state().status());
            updates.finish().await;
        }
    }
}
