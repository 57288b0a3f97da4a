//! The updates of one egress, sent one at a time and in order.

use livekit_protocol::{EgressInfo, EgressStatus};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{backoff::Backoff, handle::is_terminal, io_info::IoInfoClient};
use crate::metrics::Share;

/// The updates of one egress that livekit-server has not acknowledged. They are lost if the queue is dropped: the next
/// process compares its state with livekit-server's.
pub struct UpdateQueue {
    updates: mpsc::UnboundedSender<EgressInfo>,
    sender: AbortOnDropHandle<()>,
}

/// What livekit-server knows of an egress whose updates begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It has accepted the egress a moment ago.
    Created,
    /// An earlier process reported to it. It is asked before the first update.
    Uncertain,
}

impl UpdateQueue {
    pub fn new(client: IoInfoClient, known: Known) -> Self {
        let (updates, queue) = mpsc::unbounded_channel();
        let sender = tokio::spawn(send_all(client, known, queue));
        Self {
            updates,
            sender: AbortOnDropHandle::new(sender),
        }
    }

    /// Queues an UpdateEgress.
    pub fn push(&self, info: EgressInfo) {
        let _sender_outlives_the_queue = self.updates.send(info);
    }

    /// Waits until livekit-server has acknowledged every queued update.
    pub async fn finish(self) {
        drop(self.updates);
        if let Err(error) = self.sender.await {
            // The session fails with it: another one asks livekit-server what it knows, and reports again.
            panic!("the task that reports an egress failed: {error}");
        }
    }
}

async fn send_all(client: IoInfoClient, known: Known, mut queue: mpsc::UnboundedReceiver<EgressInfo>) {
    let mut is_known = known == Known::Created;
    while let Some(info) = queue.recv().await {
        if !std::mem::replace(&mut is_known, true) && !is_needed(&client, &info).await {
            continue;
        }
        send(&client, info, &mut queue).await;
    }
}

/// Compares an update with what livekit-server has stored. An egress that it has forgotten is created again: an update
/// alone would not list it in its room.
async fn is_needed(client: &IoInfoClient, info: &EgressInfo) -> bool {
    match client.find(&info.egress_id).await {
        Some(stored) => changes(&stored, info),
        None => {
            tracing::warn!(
                egress.id = info.egress_id,
                "livekit-server has forgotten an egress; creating it again"
            );
            let _repeated_by_update = client.create(info).await;
            info.status() != EgressStatus::EgressStarting
        }
    }
}

/// Whether `info` says more than what is `stored`. Nothing but another terminal state follows a terminal one, and
/// nothing goes back: neither to an earlier state nor to an earlier moment of the same.
fn changes(stored: &EgressInfo, info: &EgressInfo) -> bool {
    if is_terminal(info.status()) {
        return (stored.status, stored.ended_at) != (info.status, info.ended_at);
    }
    !is_terminal(stored.status()) && (stored.status, stored.updated_at) < (info.status, info.updated_at)
}

/// Sends one update, however long it takes. After a failed attempt, or a wait for Redis, it continues with the newest
/// queued update: older states no longer matter.
///
/// livekit-server may carry out an attempt later than we waited for it, and would then overwrite what came after. So
/// after a failed attempt it is asked what it has stored, and gets the update once more if that is older.
async fn send(client: &IoInfoClient, mut info: EgressInfo, queue: &mut mpsc::UnboundedReceiver<EgressInfo>) {
    let mut backoff = Backoff::default();
    let mut backlog = Share::of_unacknowledged();
    let mut is_doubtful = false;
    loop {
        if !client.is_ready() {
            backlog.set(1.0);
            client.ready().await;
            info = newest(info, queue);
        }
        match client.update(&info).await {
            Ok(()) if !std::mem::take(&mut is_doubtful) || is_stored(client, &info).await => return,
            Ok(()) => tracing::warn!(
                egress.id = info.egress_id,
                "an older state overwrote a newer one; repeating it"
            ),
            Err(error) => {
                is_doubtful = true;
                backlog.set(1.0);
                tracing::warn!(%error, egress.id = info.egress_id, status = info.status().as_str_name(),
                    "UpdateEgress failed; trying again");
                backoff.wait().await;
                info = newest(info, queue);
            }
        }
    }
}

/// Whether livekit-server has stored an update, or a newer one.
async fn is_stored(client: &IoInfoClient, info: &EgressInfo) -> bool {
    let stored = client.find(&info.egress_id).await;
    stored.is_none_or(|stored| !changes(&stored, info))
}

fn newest(mut info: EgressInfo, queue: &mut mpsc::UnboundedReceiver<EgressInfo>) -> EgressInfo {
    while let Ok(newer) = queue.try_recv() {
        info = newer;
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(status: EgressStatus, ended_at: i64) -> EgressInfo {
        EgressInfo {
            status: status.into(),
            ended_at,
            ..Default::default()
        }
    }

    fn at(updated_at: i64, info: EgressInfo) -> EgressInfo {
        EgressInfo { updated_at, ..info }
    }

    #[test]
    fn after_a_restart_only_what_livekit_server_does_not_know_is_reported() {
        use EgressStatus::{EgressActive, EgressComplete, EgressEnding, EgressFailed, EgressStarting};
        let table = [
            (info(EgressStarting, 0), info(EgressActive, 0), true),
            (info(EgressActive, 0), info(EgressActive, 0), false),
            (info(EgressActive, 0), at(5, info(EgressActive, 0)), true),
            (at(5, info(EgressActive, 0)), at(4, info(EgressActive, 0)), false),
            (info(EgressEnding, 0), at(5, info(EgressActive, 0)), false),
            (info(EgressComplete, 7), at(9, info(EgressActive, 0)), false),
            (info(EgressActive, 0), info(EgressEnding, 0), true),
            (info(EgressEnding, 0), info(EgressActive, 0), false),
            (info(EgressEnding, 0), info(EgressComplete, 7), true),
            (info(EgressActive, 0), info(EgressFailed, 7), true),
            (info(EgressComplete, 7), info(EgressComplete, 7), false),
            (info(EgressComplete, 7), info(EgressActive, 0), false),
            (info(EgressFailed, 5), info(EgressComplete, 7), true),
        ];

        for (stored, update, expected) in table {
            assert_eq!(changes(&stored, &update), expected, "{stored:?} {update:?}");
        }
    }
}
