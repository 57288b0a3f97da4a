//! Owns the state of one egress and reports each change to livekit-server.

use livekit_protocol::EgressInfo;
use tokio::sync::watch;

use super::{
    io_info::UpdateQueue,
    state::{Egress, IllegalTransition},
};
use crate::metrics;

/// The only writer of an egress's state.
pub struct StateReporter {
    egress: Egress,
    info: watch::Sender<EgressInfo>,
    updates: UpdateQueue,
}

impl StateReporter {
    pub fn new(egress: Egress, info: watch::Sender<EgressInfo>, updates: UpdateQueue) -> Self {
        Self { egress, info, updates }
    }

    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// Makes a transition, and reports it if it changed the state. An illegal transition changes nothing.
    pub fn transition(&mut self, transition: impl FnOnce(Egress) -> Result<Egress, IllegalTransition>) {
        match transition(self.egress.clone()) {
            Ok(next) if next == self.egress => {}
            Ok(next) => self.enter(next),
            Err(refused) => tracing::error!(egress = ?self.egress, "{refused}; this is a bug in the worker"),
        }
    }

    /// Changes details that are reported with the next transition.
    pub fn update(&mut self, update: impl FnOnce(Egress) -> Egress) {
        self.egress = update(self.egress.clone());
        self.info.send_replace(self.egress.info());
    }

    /// Waits until livekit-server has acknowledged every state.
    pub async fn finish(self) {
        metrics::ended(self.egress.state().status());
        self.updates.finish().await;
    }

    fn enter(&mut self, next: Egress) {
        self.egress = next;
        let info = self.egress.info();
        tracing::info!(
            egress.id = info.egress_id,
            room.name = info.room_name,
            error = info.error,
            "egress is {}",
            info.status().as_str_name()
        );
        self.updates.push(info.clone());
        self.info.send_replace(info);
    }
}
