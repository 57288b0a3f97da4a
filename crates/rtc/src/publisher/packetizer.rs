//! Turns Opus frames into RTP packets, each at its time. Pure.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;

use super::red::{self, Block};
use crate::{
    ids::SeqNo,
    peer::{Codec, OutgoingPacket},
};

/// The payload type of Opus in our offers, and within RED.
const OPUS_PAYLOAD_TYPE: u8 = 111;

/// One Opus packet and when to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpusFrame {
    /// When the packet is sent.
    pub at: Instant,
    /// The RTP timestamp, in units of 1/48000 s.
    pub timestamp: u32,
    /// The Opus packet.
    pub payload: Bytes,
}

/// Queues frames until they are due and numbers their packets.
#[derive(Debug)]
pub(super) struct Packetizer {
    queue: VecDeque<(OpusFrame, Delivery)>,
    codec: Codec,
    next_seq_no: SeqNo,
    /// Timestamp and payload of the previous frame.
    previous: Option<(u32, Bytes)>,
}

/// Whether a frame's packet is sent, or lost on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Sent,
    Lost,
}

impl Packetizer {
    pub fn new(codec: Codec) -> Self {
        Self {
            queue: VecDeque::new(),
            codec,
            next_seq_no: SeqNo::default(),
            previous: None,
        }
    }

    pub fn push(&mut self, frame: OpusFrame, delivery: Delivery) {
        self.queue.push_back((frame, delivery));
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.queue.front().map(|(frame, _)| frame.at)
    }

    /// Returns the next packet that is due.
    pub fn poll(&mut self, now: Instant) -> Option<OutgoingPacket> {
        while self.deadline().is_some_and(|at| at <= now) {
            let (frame, delivery) = self.queue.pop_front()?;
            let packet = self.packet(&frame);
            self.next_seq_no = self.next_seq_no.next();
            self.previous = Some((frame.timestamp, frame.payload));
            if delivery == Delivery::Sent {
                return Some(packet);
            }
        }
        None
    }

    fn packet(&self, frame: &OpusFrame) -> OutgoingPacket {
        OutgoingPacket {
            seq_no: self.next_seq_no,
            timestamp: frame.timestamp,
            at: frame.at,
            marker: self.previous.is_none(),
            payload: match self.codec {
                Codec::Opus => frame.payload.to_vec(),
                Codec::Red => self.with_redundancy(frame),
            },
        }
    }

    fn with_redundancy(&self, frame: &OpusFrame) -> Vec<u8> {
        let previous = self.previous.as_ref().map(|(timestamp, payload)| Block {
            timestamp: *timestamp,
            payload,
        });
        red::encode(
            OPUS_PAYLOAD_TYPE,
            previous,
            Block {
                timestamp: frame.timestamp,
                payload: &frame.payload,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(start: Instant, index: u32) -> OpusFrame {
        let payload = Bytes::from(format!("frame {index}"));
        OpusFrame {
            at: start + Duration::from_millis(20) * index,
            timestamp: index * 960,
            payload,
        }
    }

    #[test]
    fn frames_are_sent_at_their_times() {
        let start = Instant::now();
        let mut packetizer = Packetizer::new(Codec::Opus);
        packetizer.push(frame(start, 0), Delivery::Sent);
        packetizer.push(frame(start, 1), Delivery::Sent);

        let first = packetizer.poll(start).unwrap();
        let too_early = packetizer.poll(start + Duration::from_millis(19));

        assert_eq!(
            (first.seq_no.0, first.timestamp, &first.payload[..]),
            (0, 0, &b"frame 0"[..])
        );
        assert!(too_early.is_none());
        assert_eq!(packetizer.deadline(), Some(start + Duration::from_millis(20)));
    }

    #[test]
    fn a_lost_frame_leaves_a_gap_in_the_sequence_numbers() {
        let start = Instant::now();
        let mut packetizer = Packetizer::new(Codec::Opus);
        packetizer.push(frame(start, 0), Delivery::Lost);
        packetizer.push(frame(start, 1), Delivery::Sent);

        let sent = packetizer.poll(start + Duration::from_secs(1)).unwrap();

        assert_eq!((sent.seq_no.0, sent.timestamp), (1, 960));
    }

    #[test]
    fn with_red_the_next_packet_contains_the_lost_frame() {
        let start = Instant::now();
        let mut packetizer = Packetizer::new(Codec::Red);
        packetizer.push(frame(start, 0), Delivery::Lost);
        packetizer.push(frame(start, 1), Delivery::Sent);

        let sent = packetizer.poll(start + Duration::from_secs(1)).unwrap();

        assert!(sent.payload.ends_with(b"frame 0frame 1"));
    }
}
