//! What the registry and a session share. It outlives the session's task, which may panic and be replaced.

use std::sync::Arc;

use domain::PlatformCaptureId as EgressId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    handle::{CreateResult, SessionHandle},
    reporter::Snapshot,
    spec::RecordingSpec,
    state::Egress,
};
use crate::psrpc::RpcError;

/// The session's side of a [`SessionHandle`].
#[derive(Clone)]
pub struct Seat {
    pub egress_id: EgressId,
    pub snapshot: Arc<watch::Sender<Snapshot>>,
    pub stop_requested: CancellationToken,
    created: Arc<watch::Sender<CreateResult>>,
}

impl Seat {
    /// Returns both sides. The egress is starting.
    pub fn new(spec: &RecordingSpec) -> (Self, SessionHandle) {
        let egress = Egress::new(spec.meta.clone(), spec.started_at);
        let (snapshot, snapshots) = watch::channel(Snapshot::new(&egress, true));
        let (created, create_result) = watch::channel(None);
        let stop = CancellationToken::new();
        let egress_id = spec.meta.egress_id.clone();
        let handle = SessionHandle {
            egress_id: egress_id.clone(),
            created: create_result,
            snapshot: snapshots,
            stop: stop.clone(),
        };
        let seat = Self {
            egress_id,
            snapshot: Arc::new(snapshot),
            stop_requested: stop,
            created: Arc::new(created),
        };
        (seat, handle)
    }

    /// Answers those who wait for the egress to be created.
    pub fn set_created(&self, outcome: Result<(), RpcError>) {
        self.created.send_replace(Some(outcome));
    }

    /// Whether the egress was not created: then it may be requested again.
    pub fn is_refused(&self) -> bool {
        matches!(&*self.created.borrow(), Some(Err(_)))
    }
}
