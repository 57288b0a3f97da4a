//! A session seen from outside: its current state, and a way to stop it.

use std::time::Duration;

use domain::PlatformCaptureId as EgressId;
use livekit_protocol::{EgressInfo, EgressStatus};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::reporter::Snapshot;
use crate::psrpc::{Code, RpcError};

/// The longest wait for a session to react to a stop. livekit-server repeats the request after three seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether livekit-server has accepted the egress; `None` while `CreateEgress` is under way.
pub type CreateResult = Option<Result<(), RpcError>>;

/// A session that is running, or that has ended recently.
#[derive(Clone)]
pub struct SessionHandle {
    pub(super) egress_id: EgressId,
    pub(super) created: watch::Receiver<CreateResult>,
    pub(super) snapshot: watch::Receiver<Snapshot>,
    pub(super) stop: CancellationToken,
}

impl SessionHandle {
    pub fn egress_id(&self) -> &EgressId {
        &self.egress_id
    }

    /// The current state of the egress.
    pub fn info(&self) -> EgressInfo {
        self.snapshot.borrow().info.clone()
    }

    pub fn is_running(&self) -> bool {
        !is_terminal(self.snapshot.borrow().info.status())
    }

    /// Whether it occupies the worker: ended recordings that are being stored do not.
    pub fn is_recording(&self) -> bool {
        self.snapshot.borrow().is_recording
    }

    /// Requests a stop. Returns the state of the egress once it is ending, or after [`STOP_TIMEOUT`].
    pub async fn stop(&self) -> EgressInfo {
        self.stop.cancel();
        let mut snapshot = self.snapshot.clone();
        let is_ending = snapshot.wait_for(|snapshot| {
            !matches!(
                snapshot.info.status(),
                EgressStatus::EgressStarting | EgressStatus::EgressActive
            )
        });
        let _in_time = timeout(STOP_TIMEOUT, is_ending).await;
        self.info()
    }

    /// Waits for `CreateEgress` and returns the state of the egress after it.
    pub async fn created(&self) -> Result<EgressInfo, RpcError> {
        let mut created = self.created.clone();
        let outcome = match created.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            // The task that was creating it was dropped.
            Err(_) => None,
        };
        match outcome {
            Some(Ok(())) => Ok(self.info()),
            Some(Err(error)) => Err(error),
            None => Err(RpcError::new(
                Code::Unavailable,
                "the egress ended before it was created",
            )),
        }
    }
}

pub(super) fn is_terminal(status: EgressStatus) -> bool {
    !matches!(
        status,
        EgressStatus::EgressStarting | EgressStatus::EgressActive | EgressStatus::EgressEnding
    )
}
