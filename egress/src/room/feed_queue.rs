//! The queue of events between a room connection and one feed, bounded in bytes.

use std::{
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use media::RtpPacket;
use tokio::sync::mpsc;

use super::feed::FeedEvent;
use crate::metrics;

/// The most that waits in one feed: three minutes of one track at 48 kbit/s, in packets of 20 ms.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// What an event occupies besides its payload.
const EVENT_BYTES: usize = 112;

/// Returns the two ends of a new queue.
pub(super) fn feed_queue() -> (FeedSender, FeedReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let bytes = Arc::new(AtomicUsize::new(0));
    let sender = FeedSender {
        events: sender,
        bytes: bytes.clone(),
        dropped: None,
    };
    let receiver = FeedReceiver {
        events: receiver,
        bytes,
    };
    (sender, receiver)
}

/// Never waits. When the queue is full, packets and sender reports are dropped and counted; other events are few and
/// always fit.
#[derive(Debug)]
pub(super) struct FeedSender {
    events: mpsc::UnboundedSender<FeedEvent>,
    bytes: Arc<AtomicUsize>,
    /// Packets dropped since the last event that was queued, and when they arrived.
    dropped: Option<(u64, RangeInclusive<Instant>)>,
}

#[derive(Debug)]
pub(super) struct FeedReceiver {
    events: mpsc::UnboundedReceiver<FeedEvent>,
    bytes: Arc<AtomicUsize>,
}

impl FeedSender {
    pub fn send(&mut self, event: FeedEvent) {
        let size = size(&event);
        if self.bytes.load(Ordering::Relaxed) + size > MAX_BYTES && is_droppable(&event) {
            return self.drop_event(&event);
        }
        if let Some((packets, arrivals)) = self.dropped.take() {
            tracing::error!(packets, "packets of a track were dropped: this machine is too slow");
            self.push(FeedEvent::Dropped(arrivals), EVENT_BYTES);
        }
        self.push(event, size);
    }

    fn drop_event(&mut self, event: &FeedEvent) {
        metrics::feed_dropped();
        if let FeedEvent::Packet(RtpPacket { arrival, .. }) = event {
            let (packets, arrivals) = self.dropped.take().unwrap_or((0, *arrival..=*arrival));
            self.dropped = Some((packets + 1, *arrivals.start()..=*arrival));
        }
    }

    fn push(&self, event: FeedEvent, size: usize) {
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let _receiver_is_gone = self.events.send(event);
    }
}

impl FeedReceiver {
    /// Returns `None` after the last event, once the sender is gone.
    pub async fn recv(&mut self) -> Option<FeedEvent> {
        let event = self.events.recv().await;
        self.release(event)
    }

    /// Returns `None` if no event is waiting.
    #[cfg(test)]
    pub fn try_recv(&mut self) -> Option<FeedEvent> {
        let event = self.events.try_recv().ok();
        self.release(event)
    }

    fn release(&self, event: Option<FeedEvent>) -> Option<FeedEvent> {
        if let Some(event) = &event {
            self.bytes.fetch_sub(size(event), Ordering::Relaxed);
        }
        event
    }
}

fn size(event: &FeedEvent) -> usize {
    match event {
        FeedEvent::Packet(packet) => EVENT_BYTES + packet.payload.len(),
        _ => EVENT_BYTES,
    }
}

fn is_droppable(event: &FeedEvent) -> bool {
    matches!(event, FeedEvent::Packet(_) | FeedEvent::SenderReport(_))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use media::rtp::{SeqNo, Ssrc};

    use super::*;

    fn packet(seq_no: u64, bytes: usize) -> FeedEvent {
        FeedEvent::Packet(RtpPacket {
            ssrc: Ssrc(1),
            seq_no: SeqNo(seq_no),
            timestamp: 0,
            arrival: Instant::now(),
            payload: Bytes::from(vec![0; bytes]),
        })
    }

    fn outline(receiver: &mut FeedReceiver) -> Vec<String> {
        std::iter::from_fn(|| receiver.try_recv())
            .map(|event| match event {
                FeedEvent::Packet(packet) => packet.seq_no.0.to_string(),
                FeedEvent::Dropped(arrivals) if arrivals.is_empty() => "dropped never".to_owned(),
                FeedEvent::Dropped(_) => "dropped".to_owned(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_full_queue_drops_packets_but_no_other_event_and_says_when() {
        let (mut sender, mut receiver) = feed_queue();
        sender.send(packet(1, MAX_BYTES - 2 * EVENT_BYTES));

        for seq_no in 2..=4 {
            sender.send(packet(seq_no, 200));
        }
        sender.send(FeedEvent::Joined);

        assert_eq!(outline(&mut receiver), ["1", "dropped", "Joined"]);
    }

    #[test]
    fn a_queue_that_was_read_takes_packets_again() {
        let (mut sender, mut receiver) = feed_queue();
        for round in 0..3 {
            sender.send(packet(round, MAX_BYTES - EVENT_BYTES));
            sender.send(packet(99, 1));
            assert!(receiver.try_recv().is_some());
            if round > 0 {
                assert!(
                    receiver.try_recv().is_some(),
                    "the packet after the note about dropped ones"
                );
            }
        }

        assert!(receiver.bytes.load(Ordering::Relaxed) <= MAX_BYTES);
    }

    #[test]
    fn what_is_read_is_no_longer_counted() {
        let (mut sender, mut receiver) = feed_queue();
        for seq_no in 0..1000 {
            sender.send(packet(seq_no, 100));
        }
        sender.send(FeedEvent::Joined);

        assert_eq!(outline(&mut receiver).len(), 1001);
        assert_eq!(receiver.bytes.load(Ordering::Relaxed), 0);
    }
}
