//! The pages of the growing file.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::SampleTime;

use super::RecorderConfig;
use crate::ogg::{FileTail, OggWriter};
use crate::opus::{Filler, OpusHead, OpusTags};

/// A page holds 200 ms of the publisher's packets.
const PAGE_SAMPLES: u64 = 9600;

/// The first page is closed by the second packet, so that a recording is soon seen to be running.
const FIRST_PAGE_SAMPLES: u64 = 960;

/// Losing fillers costs nothing, so they go on pages of 1 s, the longest that RFC 7845 section 6 recommends.
const FILLER_PAGE_SAMPLES: u64 = 48_000;

/// A page is closed after this time even if it is not full, because the publisher may have stopped sending. With the
/// initial hold of 100 ms every packet is on a page 400 ms after its arrival. Only packets behind a missing one take
/// longer: they wait for it first, see `RecorderConfig::reorder_wait`.
const MAX_PAGE_AGE: Duration = Duration::from_millis(300);

/// Takes packets and fillers in order and returns pages one at a time. Fillers are expanded into packets only as pages
/// are taken, so hours of silence need no memory.
#[derive(Debug)]
pub(super) struct Pages {
    writer: OggWriter,
    headers: VecDeque<Bytes>,
    queue: VecDeque<QueueItem>,
    /// Length of the file including everything queued.
    length: SampleTime,
    /// When the open page got its first packet.
    open_since: Option<Instant>,
    end: End,
    /// The page that ends the file was returned.
    is_ended: bool,
}

/// What happens to the packets of the open page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// They wait for more.
    Open,
    /// They go on a page at once.
    Flush,
    /// They go on the page that ends the file.
    Finished,
}

#[derive(Debug)]
enum QueueItem {
    Filler(Filler),
    /// A packet and its samples.
    Packet(Bytes, u32),
}

impl Pages {
    pub(super) fn new(serial: u32) -> Self {
        Self {
            writer: OggWriter::new(serial),
            headers: VecDeque::new(),
            queue: VecDeque::new(),
            length: SampleTime::ZERO,
            open_since: None,
            end: End::Open,
            is_ended: false,
        }
    }

    /// Continues a file at its end.
    pub(super) fn resume(tail: &FileTail) -> Self {
        Self {
            writer: OggWriter::resume(tail),
            length: SampleTime::from_samples(tail.samples),
            ..Self::new(tail.serial)
        }
    }

    /// Adds the header pages; call before the first packet.
    pub(super) fn begin(&mut self, config: &RecorderConfig) {
        let tags = OpusTags {
            tags: config.tags.clone(),
        };
        self.headers
            .push_back(self.writer.header(&OpusHead::for_rtp(config.channels).to_bytes()));
        self.headers.push_back(self.writer.header(&tags.to_bytes()));
    }

    /// Adds a filler and returns its length.
    pub(super) fn push_filler(&mut self, filler: Filler) -> SampleTime {
        let samples = filler.remaining();
        self.length += samples;
        self.queue.push_back(QueueItem::Filler(filler));
        samples
    }

    pub(super) fn push_packet(&mut self, payload: Bytes, samples: u32) {
        self.length += SampleTime(samples.into());
        self.queue.push_back(QueueItem::Packet(payload, samples));
    }

    /// Returns the length of the file including everything that was pushed.
    pub(super) fn length(&self) -> SampleTime {
        self.length
    }

    /// Ends the file; call after the last packet.
    pub(super) fn finish(&mut self) {
        self.end = End::Finished;
    }

    /// Returns everything on pages at once, without ending the file.
    pub(super) fn flush(&mut self) {
        self.end = End::Flush;
    }

    /// Returns the next page that is full, old enough or the last.
    pub(super) fn next_page(&mut self, now: Instant) -> Option<Bytes> {
        if let Some(header) = self.headers.pop_front() {
            return Some(header);
        }
        while let Some((packet, samples, page_samples)) = self.next_packet() {
            let page = self.writer.push(packet, samples, page_samples);
            if page.is_some() || self.open_since.is_none() {
                self.open_since = Some(now);
            }
            if page.is_some() {
                return page;
            }
        }
        match self.end {
            End::Open => self.close_old_page(now),
            End::Flush => {
                self.end = End::Open;
                self.close_page()
            }
            End::Finished => self.finish_stream(),
        }
    }

    /// Returns when [`next_page`](Self::next_page) will return a page even if no packet is pushed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let since = self.open_since.filter(|_| self.writer.open_packets() > 0)?;
        Some(since + MAX_PAGE_AGE)
    }

    fn close_old_page(&mut self, now: Instant) -> Option<Bytes> {
        self.deadline().filter(|&deadline| deadline <= now)?;
        self.close_page()
    }

    fn close_page(&mut self) -> Option<Bytes> {
        self.open_since = None;
        self.writer.close_page()
    }

    /// Returns the last page once.
    fn finish_stream(&mut self) -> Option<Bytes> {
        let page = if self.is_ended { None } else { self.writer.finish() };
        self.is_ended = true;
        page
    }

    /// Returns a packet, its samples, and the most samples that the page before it may hold.
    fn next_packet(&mut self) -> Option<(Bytes, u32, u64)> {
        loop {
            let filler_packet = match self.queue.front_mut()? {
                QueueItem::Filler(filler) => filler.next(),
                QueueItem::Packet(..) => None,
            };
            if let Some((packet, samples)) = filler_packet {
                return Some((packet, samples, FILLER_PAGE_SAMPLES));
            }
            if let QueueItem::Packet(payload, samples) = self.queue.pop_front()? {
                return Some((payload, samples, self.page_samples()));
            }
        }
    }

    fn page_samples(&self) -> u64 {
        if self.writer.has_audio_pages() {
            PAGE_SAMPLES
        } else {
            FIRST_PAGE_SAMPLES
        }
    }
}
