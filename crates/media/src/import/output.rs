//! The pages of the file that is made.

use std::collections::VecDeque;

use bytes::Bytes;
use domain::SampleTime;

use crate::ogg::OggWriter;
use crate::opus::{Filler, FillerKind, OpusHead, OpusTags};

/// 1 s, the longest page that RFC 7845 section 6 recommends.
const PAGE_SAMPLES: u64 = 48_000;

/// Takes packets and silence in order and returns pages. Silence is expanded into packets only as pages are taken.
#[derive(Debug)]
pub(super) struct Output {
    writer: OggWriter,
    /// Finished pages.
    pages: VecDeque<Bytes>,
    queue: VecDeque<Item>,
    written: SampleTime,
    is_ended: bool,
}

#[derive(Debug)]
enum Item {
    Silence(Filler),
    /// A packet and its samples.
    Packet(Bytes, u32),
}

impl Output {
    /// Begins a file with its headers. Sample 0 is the first that the decoder returns, so nothing is skipped.
    pub(super) fn new(serial: u32, head: OpusHead, tags: Vec<(String, String)>) -> Self {
        let mut writer = OggWriter::new(serial);
        let head = OpusHead { pre_skip: 0, ..head };
        let pages = [
            writer.header(&head.to_bytes()),
            writer.header(&OpusTags { tags }.to_bytes()),
        ];
        Self {
            writer,
            pages: pages.into(),
            queue: VecDeque::new(),
            written: SampleTime::ZERO,
            is_ended: false,
        }
    }

    /// Returns the length of the file so far.
    pub(super) fn written(&self) -> SampleTime {
        self.written
    }

    pub(super) fn push_packet(&mut self, packet: Bytes, samples: u32) {
        self.written += SampleTime(samples.into());
        self.queue.push_back(Item::Packet(packet, samples));
    }

    /// Adds silence and returns its length: `length` rounded down to what Opus frames can fill.
    pub(super) fn push_silence(&mut self, length: SampleTime) -> SampleTime {
        let filler = Filler::new(FillerKind::Silence, length);
        let samples = filler.remaining();
        self.written += samples;
        self.queue.push_back(Item::Silence(filler));
        samples
    }

    /// Returns the next page that is full.
    pub(super) fn next_page(&mut self) -> Option<Bytes> {
        while self.pages.is_empty() {
            let (packet, samples) = self.next_packet()?;
            self.pages.extend(self.writer.push(packet, samples, PAGE_SAMPLES));
        }
        self.pages.pop_front()
    }

    /// Returns the page that ends the file, once; call when [`Self::next_page`] returns nothing more.
    pub(super) fn last_page(&mut self) -> Option<Bytes> {
        if std::mem::replace(&mut self.is_ended, true) {
            return None;
        }
        self.writer.finish()
    }

    fn next_packet(&mut self) -> Option<(Bytes, u32)> {
        loop {
            if let Item::Silence(filler) = self.queue.front_mut()?
                && let Some(packet) = filler.next()
            {
                return Some(packet);
            }
            if let Item::Packet(packet, samples) = self.queue.pop_front()? {
                return Some((packet, samples));
            }
        }
    }
}
