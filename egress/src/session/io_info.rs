//! The client of livekit-server's `IOInfo` service, which stores, lists and announces egresses.
//!
//! The service accepts every update without checking it. So the updates of an egress are sent one at a time and in
//! order (`updates`), each is repeated until it is acknowledged, and none follows the terminal one.

use std::{sync::Arc, time::Duration};

use livekit_protocol::{EgressInfo, ListEgressRequest, ListEgressResponse};

use super::backoff::Backoff;
use crate::psrpc::{CallError, Client};

/// The name of the service on the bus.
pub const IO_SERVICE: &str = "IOInfo";

/// For one attempt of CreateEgress. Two attempts fit into the ten seconds in which a start must be answered.
const CREATE_TIMEOUT: Duration = Duration::from_secs(3);
const CREATE_ATTEMPTS: u32 = 2;

/// For one attempt of UpdateEgress and of questions; an idle server answers within 5 ms.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// livekit-server's error code for an egress that it does not know.
const NOT_FOUND: &str = "not_found";

/// A client of the service; clones share it.
#[derive(Clone)]
pub struct IoInfoClient {
    client: Arc<Client>,
}

impl IoInfoClient {
    pub fn new(client: Client) -> Self {
        Self {
            client: Arc::new(client),
        }
    }

    /// Whether livekit-server can be asked now, as far as known.
    pub fn is_ready(&self) -> bool {
        self.client.is_ready()
    }

    /// Waits until livekit-server can be asked: Redis may be down.
    pub async fn ready(&self) {
        self.client.ready().await;
    }

    /// Calls CreateEgress, which must come before every update: after an update, livekit-server would not send the
    /// `egress_started` webhook.
    pub async fn create(&self, info: &EgressInfo) -> Result<(), CallError> {
        let mut attempts = 1;
        loop {
            match self.client.call("CreateEgress", info, CREATE_TIMEOUT).await {
                Ok(()) => return Ok(()),
                Err(error) if attempts == CREATE_ATTEMPTS => return Err(error),
                Err(error) => tracing::warn!(%error, egress.id = info.egress_id, "CreateEgress failed; trying again"),
            }
            attempts += 1;
        }
    }

    /// Makes one attempt of UpdateEgress.
    pub async fn update(&self, info: &EgressInfo) -> Result<(), CallError> {
        self.client.call("UpdateEgress", info, CALL_TIMEOUT).await
    }

    /// Returns what livekit-server has stored about an egress; `None` if it does not know it. Waits until it answers.
    pub async fn find(&self, egress_id: &str) -> Option<EgressInfo> {
        let mut backoff = Backoff::default();
        loop {
            self.ready().await;
            match self.try_find(egress_id).await {
                Ok(stored) => return stored,
                Err(error) => tracing::warn!(%error, egress.id = egress_id, "cannot ask for an egress; trying again"),
            }
            backoff.wait().await;
        }
    }

    /// Returns the egresses of a room that have not ended, as far as livekit-server knows. Waits until it answers.
    pub async fn running(&self, room_name: &str) -> Vec<EgressInfo> {
        let mut backoff = Backoff::default();
        loop {
            self.ready().await;
            match self.try_running(room_name).await {
                Ok(running) => return running,
                Err(error) => tracing::warn!(%error, room.name = room_name, "cannot list egresses; trying again"),
            }
            backoff.wait().await;
        }
    }

    async fn try_find(&self, egress_id: &str) -> Result<Option<EgressInfo>, CallError> {
        let request = ListEgressRequest {
            egress_id: egress_id.to_owned(),
            ..Default::default()
        };
        match self.list(request).await {
            Ok(items) => Ok(items.into_iter().find(|info| info.egress_id == egress_id)),
            Err(CallError::Refused { code, .. }) if code == NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn try_running(&self, room_name: &str) -> Result<Vec<EgressInfo>, CallError> {
        let request = ListEgressRequest {
            room_name: room_name.to_owned(),
            active: true,
            ..Default::default()
        };
        self.list(request).await
    }

    async fn list(&self, request: ListEgressRequest) -> Result<Vec<EgressInfo>, CallError> {
        let response: ListEgressResponse = self.client.call("ListEgress", &request, CALL_TIMEOUT).await?;
        Ok(response.items)
    }
}
