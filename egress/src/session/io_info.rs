//! Telling livekit-server how an egress stands. What it stores, lists and sends to webhooks is only what it is told
//! here, and it checks nothing: so one update at a time, in order, kept until answered, none after the last.

use std::{sync::Arc, time::Duration};

use livekit_protocol::EgressInfo;
use tokio::{sync::mpsc, time::sleep};

use crate::psrpc::{CallError, Client};

/// The service of livekit-server that keeps egresses.
pub const IO_SERVICE: &str = "IOInfo";

/// One try of CreateEgress. Two of them fit well into the ten seconds in which a start must be answered.
const CREATE_TIMEOUT: Duration = Duration::from_secs(3);
const CREATE_TRIES: u32 = 2;

/// One try of UpdateEgress; an idle server answers within 5 ms.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Pauses between tries of an update, doubling: the server may be restarting.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// livekit-server, as the place where egresses are reported.
#[derive(Clone)]
pub struct IoInfoClient {
    client: Arc<Client>,
}

/// The one line on which one egress is reported. Dropping it lets what is queued go out.
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

    /// Makes the egress known, before anything else is said of it: an update that came first would swallow the
    /// `egress_started` webhook.
    pub async fn create(&self, info: &EgressInfo) -> Result<(), CallError> {
        let mut tries = 1;
        loop {
            match self.client.call("CreateEgress", info, CREATE_TIMEOUT).await {
                Ok(()) => return Ok(()),
                Err(error) if tries == CREATE_TRIES => return Err(error),
                Err(error) => tracing::warn!(%error, egress.id = info.egress_id, "CreateEgress failed; trying again"),
            }
            tries += 1;
        }
    }

    /// Begins the line of one egress.
    pub fn update_queue(&self) -> UpdateQueue {
        let (updates, queue) = mpsc::unbounded_channel();
        let sender = tokio::spawn(send_all(self.client.clone(), queue));
        UpdateQueue { updates, sender }
    }
}

impl UpdateQueue {
    /// Queues the egress as it stands now.
    pub fn push(&self, info: EgressInfo) {
        let _sender_lives_as_long_as_we = self.updates.send(info);
    }

    /// Waits until livekit-server has answered everything that was queued.
    pub async fn finish(self) {
        drop(self.updates);
        if let Err(error) = self.sender.await {
            tracing::error!(%error, "reports of an egress ended early");
        }
    }
}

async fn send_all(client: Arc<Client>, mut queue: mpsc::UnboundedReceiver<EgressInfo>) {
    while let Some(info) = queue.recv().await {
        send(&client, info, &mut queue).await;
    }
}

/// Sends one update, for as long as it takes. Once the first try has failed only the newest state matters.
async fn send(client: &Client, mut info: EgressInfo, queue: &mut mpsc::UnboundedReceiver<EgressInfo>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let outcome: Result<(), CallError> = client.call("UpdateEgress", &info, UPDATE_TIMEOUT).await;
        let Err(error) = outcome else { return };
        tracing::warn!(%error, egress.id = info.egress_id, status = info.status().as_str_name(),
            "livekit-server did not take an update; trying again");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        while let Ok(newer) = queue.try_recv() {
            info = newer;
        }
    }
}
