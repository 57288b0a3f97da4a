//! Events on their way to a reader that may be slow. Media never waits for it.

use std::collections::VecDeque;

use tokio::sync::mpsc;

/// Expendable events are dropped and counted when the channel is full; the others wait here, in order.
pub(super) struct Outbox<E> {
    sender: mpsc::Sender<E>,
    waiting: VecDeque<E>,
    dropped: u64,
}

impl<E> Outbox<E> {
    pub fn new(sender: mpsc::Sender<E>) -> Self {
        Self {
            sender,
            waiting: VecDeque::new(),
            dropped: 0,
        }
    }

    pub fn push_expendable(&mut self, event: E) {
        if self.is_waiting() || self.sender.try_send(event).is_err() {
            self.dropped += 1;
        }
    }

    pub fn push(&mut self, event: E) {
        if self.is_waiting() {
            return self.waiting.push_back(event);
        }
        if let Err(mpsc::error::TrySendError::Full(event)) = self.sender.try_send(event) {
            self.waiting.push_back(event);
        }
    }

    /// Something could not be sent for want of room.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.dropped > 0
    }

    /// Waits for room, then sends what waits. `report` makes an event of the number of those dropped.
    pub async fn flush(&mut self, report: impl FnOnce(u64) -> Option<E>) {
        let Ok(permit) = self.sender.reserve().await else {
            // Nobody reads any more.
            self.waiting.clear();
            self.dropped = 0;
            return;
        };
        if let Some(event) = self.waiting.pop_front() {
            return permit.send(event);
        }
        let dropped = std::mem::take(&mut self.dropped);
        tracing::warn!(dropped, "events were dropped because their reader is too slow");
        if let Some(event) = report(dropped) {
            permit.send(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_reader_loses_packets_but_no_news_and_is_told_how_many() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut outbox = Outbox::new(sender);

        for event in ["packet 1", "packet 2", "packet 3"] {
            outbox.push_expendable(event.to_owned());
        }
        outbox.push("news".to_owned());
        outbox.push_expendable("packet 4".to_owned());
        let mut read = Vec::new();
        while outbox.is_waiting() || !receiver.is_empty() {
            read.push(receiver.recv().await.unwrap());
            if outbox.is_waiting() {
                outbox.flush(|dropped| Some(format!("{dropped} dropped"))).await;
            }
        }

        assert_eq!(read, ["packet 1", "packet 2", "news", "2 dropped"]);
    }
}
