//! Queues events for a reader that may be slow, so that media never waits for it.

use std::{collections::VecDeque, time::Instant};

use tokio::sync::mpsc;

use crate::client_core::DroppedEvents;

/// When the channel is full, droppable events are dropped and counted; all others wait here in order.
pub(super) struct EventQueue<E> {
    sender: mpsc::Sender<E>,
    backlog: VecDeque<E>,
    /// Those that were not reported yet.
    dropped: Option<DroppedEvents>,
}

impl<E> EventQueue<E> {
    pub fn new(sender: mpsc::Sender<E>) -> Self {
        Self {
            sender,
            backlog: VecDeque::new(),
            dropped: None,
        }
    }

    pub fn push_droppable(&mut self, event: E) {
        if self.has_backlog() || self.sender.try_send(event).is_err() {
            self.note_dropped(Instant::now());
        }
    }

    pub fn push(&mut self, event: E) {
        if self.has_backlog() {
            return self.backlog.push_back(event);
        }
        if let Err(mpsc::error::TrySendError::Full(event)) = self.sender.try_send(event) {
            self.backlog.push_back(event);
        }
    }

    /// Returns whether events wait for room in the channel, or were dropped and this was not reported yet.
    pub fn has_backlog(&self) -> bool {
        !self.backlog.is_empty() || self.dropped.is_some()
    }

    /// Waits for room in the channel, then sends one event: the oldest of the backlog, or else the one that `report`
    /// makes of the dropped events.
    pub async fn flush(&mut self, report: impl FnOnce(DroppedEvents) -> Option<E>) {
        let Ok(permit) = self.sender.reserve().await else {
            // The reader is gone.
            self.backlog.clear();
            self.dropped = None;
            return;
        };
        if let Some(event) = self.backlog.pop_front() {
            return permit.send(event);
        }
        let Some(dropped) = self.dropped.take() else { return };
        tracing::warn!(
            dropped = dropped.count,
            "events were dropped because their reader is too slow"
        );
        if let Some(event) = report(dropped) {
            permit.send(event);
        }
    }

    fn note_dropped(&mut self, now: Instant) {
        let dropped = self.dropped.get_or_insert(DroppedEvents {
            count: 0,
            from: now,
            until: now,
        });
        dropped.count += 1;
        dropped.until = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_reader_misses_packets_but_no_other_events_and_learns_how_many() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut queue = EventQueue::new(sender);

        for event in ["packet 1", "packet 2", "packet 3"] {
            queue.push_droppable(event.to_owned());
        }
        queue.push("news".to_owned());
        queue.push_droppable("packet 4".to_owned());
        let mut read = Vec::new();
        while queue.has_backlog() || !receiver.is_empty() {
            read.push(receiver.recv().await.unwrap());
            if queue.has_backlog() {
                queue.flush(|dropped| Some(format!("{} dropped", dropped.count))).await;
            }
        }

        assert_eq!(read, ["packet 1", "packet 2", "news", "2 dropped"]);
    }
}
