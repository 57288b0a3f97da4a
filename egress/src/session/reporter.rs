//! The one writer of an egress's state: makes a step, and tells those who look and livekit-server.

use livekit_protocol::EgressInfo;
use tokio::sync::watch;

use super::{
    io_info::UpdateQueue,
    state::{Egress, IllegalTransition},
};
use crate::metrics;

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

    /// Makes a step and reports it, if it changed the state. A step that is not allowed changes nothing.
    pub fn transition(&mut self, transition: impl FnOnce(Egress) -> Result<Egress, IllegalTransition>) {
        match transition(self.egress.clone()) {
            Ok(next) if next == self.egress => {}
            Ok(next) => self.enter(next),
            Err(refused) => tracing::error!(egress = ?self.egress, "{refused}; this is a defect of the worker"),
        }
    }

    /// Notes something that livekit-server will hear with the next state.
    pub fn update(&mut self, update: impl FnOnce(Egress) -> Egress) {
        self.egress = update(self.egress.clone());
        self.info.send_replace(self.egress.info());
    }

    /// Waits until livekit-server has heard everything.
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
