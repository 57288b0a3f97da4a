//! A recording seen from outside: how it stands, and a way to stop it.

use std::time::Duration;

use domain::EgressId;
use livekit_protocol::{EgressInfo, EgressStatus};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::psrpc::{Code, RpcError};

/// How long a stop waits until the recording has taken note of it. livekit-server asks again after three seconds.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Whether livekit-server knows of the egress; `None` while it is being told.
pub type Creation = Option<Result<(), RpcError>>;

/// A recording that runs, or that has ended lately.
#[derive(Clone)]
pub struct SessionHandle {
    pub(super) egress_id: EgressId,
    pub(super) created: watch::Receiver<Creation>,
    pub(super) info: watch::Receiver<EgressInfo>,
    pub(super) stop: CancellationToken,
}

impl SessionHandle {
    pub fn egress_id(&self) -> &EgressId {
        &self.egress_id
    }

    /// How it stands now.
    pub fn info(&self) -> EgressInfo {
        self.info.borrow().clone()
    }

    pub fn is_running(&self) -> bool {
        !is_terminal(self.info.borrow().status())
    }

    /// Stops it and says how it stands once that has begun. Repeated stops only say how it stands.
    pub async fn stop(&self) -> EgressInfo {
        self.stop.cancel();
        let mut info = self.info.clone();
        let has_ended =
            info.wait_for(|info| !matches!(info.status(), EgressStatus::EgressStarting | EgressStatus::EgressActive));
        let _in_time = timeout(STOP_WAIT, has_ended).await;
        self.info()
    }

    /// How it stands, once livekit-server has been told of it.
    pub async fn created(&self) -> Result<EgressInfo, RpcError> {
        let mut created = self.created.clone();
        let outcome = match created.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            // The one who was telling it is gone.
            Err(_) => None,
        };
        match outcome {
            Some(Ok(())) => Ok(self.info()),
            Some(Err(error)) => Err(error),
            None => Err(RpcError::new(Code::Unavailable, "the egress ended as it began")),
        }
    }
}

pub(super) fn is_terminal(status: EgressStatus) -> bool {
    !matches!(
        status,
        EgressStatus::EgressStarting | EgressStatus::EgressActive | EgressStatus::EgressEnding
    )
}
