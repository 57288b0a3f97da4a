//! The client of livekit-server's `IOInfo` service, which stores, lists and announces egresses.
//!
//! The service accepts every update without checking it. So the updates of an egress are sent one at a time and in
//! order, each is repeated until it is acknowledged, and none follows the terminal one.

use std::{sync::Arc, time::Duration};

use livekit_protocol::EgressInfo;
use tokio::{sync::mpsc, time::sleep};

use crate::psrpc::{CallError, Client};

/// The name of the service on the bus.
pub const IO_SERVICE: &str = "IOInfo";

/// For one attempt of CreateEgress. Two attempts fit into the ten seconds in which a start must be answered.
const CREATE_TIMEOUT: Duration = Duration::from_secs(3);
const CREATE_ATTEMPTS: u32 = 2;

/// For one attempt of UpdateEgress; an idle server answers within 5 ms.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Pauses between attempts of an update, doubling: the server may be restarting.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A client of the service; clones share it.
#[derive(Clone)]
pub struct IoInfoClient {
    client: Arc<Client>,
}

/// The updates of one egress, sent by a task. Dropping the queue still sends what it contains.
pub struct UpdateQueue {
    updates: mpsc::UnboundedSender<EgressInfo>,
    sender: tokio::task::JoinHandle<()>,
}

impl IoInfoClient {
    pub fn new(client: Client) -> Self {
        Self {
            client: Arc::new(client),
        }
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

    /// Creates the update queue of one egress.
    pub fn update_queue(&self) -> UpdateQueue {
        let (updates, queue) = mpsc::unbounded_channel();
        let sender = tokio::spawn(send_all(self.client.clone(), queue));
        UpdateQueue { updates, sender }
    }
}

impl UpdateQueue {
    /// Queues an UpdateEgress.
    pub fn push(&self, info: EgressInfo) {
        let _sender_outlives_the_queue = self.updates.send(info);
    }

    /// Waits until livekit-server has acknowledged every queued update.
    pub async fn finish(self) {
        drop(self.updates);
        if let Err(error) = self.sender.await {
            tracing::error!(%error, "the task that reports an egress failed");
        }
    }
}

async fn send_all(client: Arc<Client>, mut queue: mpsc::UnboundedReceiver<EgressInfo>) {
    while let Some(info) = queue.recv().await {
        send(&client, info, &mut queue).await;
    }
}

/// Sends one update, however long it takes. After a failed attempt it continues with the newest queued update: older
/// states no longer matter.
async fn send(client: &Client, mut info: EgressInfo, queue: &mut mpsc::UnboundedReceiver<EgressInfo>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let outcome: Result<(), CallError> = client.call("UpdateEgress", &info, UPDATE_TIMEOUT).await;
        let Err(error) = outcome else { return };
        tracing::warn!(%error, egress.id = info.egress_id, status = info.status().as_str_name(),
            "UpdateEgress failed; trying again");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        while let Ok(newer) = queue.try_recv() {
            info = newer;
        }
    }
}
