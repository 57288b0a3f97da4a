//! What a session works with.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{io_info::IoInfoClient, reporter::StateReporter, spec::RecordingSpec, state::EndReason};
use crate::{config::SessionLimits, psrpc::Server, room::Rooms, spool::legacy::Spool};

/// What all sessions of a worker share.
pub struct SessionContext {
    pub io_info: IoInfoClient,
    pub server: Server,
    pub rooms: Rooms,
    pub spool: Spool,
    pub limits: SessionLimits,
    /// Once cancelled, no session is started.
    pub stopping: CancellationToken,
    /// Once cancelled, running sessions end and store their recordings.
    pub end_now: CancellationToken,
}

/// The task that carries out one egress: it records one track, stores the file and reports each state.
pub struct Session {
    pub spec: RecordingSpec,
    pub context: Arc<SessionContext>,
    pub reporter: StateReporter,
    pub stop_signals: StopSignals,
}

/// What ends a session from outside.
#[derive(Clone)]
pub struct StopSignals {
    /// `StopEgress` was called.
    pub requested: CancellationToken,
    /// The worker shuts down.
    pub end_now: CancellationToken,
}

impl StopSignals {
    /// Waits for the first signal.
    pub(super) async fn received(&self) -> EndReason {
        tokio::select! {
            () = self.requested.cancelled() => EndReason::StopApi,
            () = self.end_now.cancelled() => EndReason::ShuttingDown,
        }
    }
}
