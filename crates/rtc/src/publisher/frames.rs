//! Frames that wait for their time, and the RTP packets they become. Pure.

use std::{collections::VecDeque, time::Instant};

use bytes::Bytes;

use super::{
    OpusFrame,
    red::{self, Block},
};
use crate::peer::{Codec, Send};

/// Opus in our offers, and within RED.
const OPUS_PAYLOAD_TYPE: u8 = 111;

#[derive(Debug)]
pub(super) struct Frames {
    queue: VecDeque<(OpusFrame, Fate)>,
    codec: Codec,
    next_seq_no: u64,
    before: Option<(u32, Bytes)>,
}

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Sent,
    Lost,
}

impl Frames {
    pub fn new(codec: Codec) -> Self {
        Self {
            queue: VecDeque::new(),
            codec,
            next_seq_no: 0,
            before: None,
        }
    }

    pub fn push(&mut self, frame: OpusFrame, fate: Fate) {
        self.queue.push_back((frame, fate));
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.queue.front().map(|(frame, _)| frame.at)
    }

    /// The next packet whose time has come.
    pub fn poll(&mut self, now: Instant) -> Option<Send> {
        while self.deadline().is_some_and(|at| at <= now) {
            let (frame, fate) = self.queue.pop_front()?;
            let packet = self.packet(&frame);
            self.next_seq_no += 1;
            self.before = Some((frame.timestamp, frame.payload));
            if fate == Fate::Sent {
                return Some(packet);
            }
        }
        None
    }

    fn packet(&self, frame: &OpusFrame) -> Send {
        Send {
            seq_no: self.next_seq_no,
            timestamp: frame.timestamp,
            at: frame.at,
            marker: self.before.is_none(),
            payload: match self.codec {
                Codec::Opus => frame.payload.to_vec(),
                Codec::Red => self.redundant(frame),
            },
        }
    }

    fn redundant(&self, frame: &OpusFrame) -> Vec<u8> {
        let earlier = self.before.as_ref().map(|(timestamp, payload)| Block {
            timestamp: *timestamp,
            payload,
        });
        red::encode(
            OPUS_PAYLOAD_TYPE,
            earlier,
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
    fn frames_go_out_at_their_times() {
        let start = Instant::now();
        let mut frames = Frames::new(Codec::Opus);
        frames.push(frame(start, 0), Fate::Sent);
        frames.push(frame(start, 1), Fate::Sent);

        let first = frames.poll(start).unwrap();
        let too_early = frames.poll(start + Duration::from_millis(19));

        assert_eq!(
            (first.seq_no, first.timestamp, &first.payload[..]),
            (0, 0, &b"frame 0"[..])
        );
        assert!(too_early.is_none());
        assert_eq!(frames.deadline(), Some(start + Duration::from_millis(20)));
    }

    #[test]
    fn a_lost_frame_leaves_a_hole_in_the_numbers() {
        let start = Instant::now();
        let mut frames = Frames::new(Codec::Opus);
        frames.push(frame(start, 0), Fate::Lost);
        frames.push(frame(start, 1), Fate::Sent);

        let sent = frames.poll(start + Duration::from_secs(1)).unwrap();

        assert_eq!((sent.seq_no, sent.timestamp), (1, 960));
    }

    #[test]
    fn with_red_a_lost_frame_is_in_the_next_packet() {
        let start = Instant::now();
        let mut frames = Frames::new(Codec::Red);
        frames.push(frame(start, 0), Fate::Lost);
        frames.push(frame(start, 1), Fate::Sent);

        let sent = frames.poll(start + Duration::from_secs(1)).unwrap();

        assert!(sent.payload.ends_with(b"frame 0frame 1"));
    }
}
