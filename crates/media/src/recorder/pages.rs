//! The growing file: what is to be written, and the pages it becomes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::RecorderConfig;
use crate::ogg::OggWriter;
use crate::opus::{Filler, OpusHead, OpusTags};

/// A page holds 200 ms of the publisher's packets, which is what a crash may cost beside one more packet.
const PAGE_SAMPLES: u64 = 9600;

/// The first page is closed by the second packet, so that a recording is seen to run.
const FIRST_PAGE_SAMPLES: u64 = 960;

/// Fillers cost nothing if they are lost: they go on pages of 1 s, the longest that RFC 7845 section 6 recommends.
const FILLER_PAGE_SAMPLES: u64 = 48_000;

/// A page is closed after this time though it is not full: a talker may fall silent.
const MAX_PAGE_AGE: Duration = Duration::from_millis(300);

/// Takes packets and fillers in order, gives pages one at a time. Fillers are made while pages are taken, so that
/// hours of silence need no memory.
#[derive(Debug)]
pub(super) struct Pages {
    writer: OggWriter,
    headers: VecDeque<Bytes>,
    steps: VecDeque<Step>,
    /// End of the file once all steps are done, in samples.
    planned: u64,
    /// When the open page got its first packet.
    open_since: Option<Instant>,
    is_finished: bool,
}

#[derive(Debug)]
enum Step {
    Fill(Filler),
    Packet(Bytes, u32),
}

impl Pages {
    pub(super) fn new(serial: u32) -> Self {
        Self {
            writer: OggWriter::new(serial),
            headers: VecDeque::new(),
            steps: VecDeque::new(),
            planned: 0,
            open_since: None,
            is_finished: false,
        }
    }

    /// Puts the headers before the first packet.
    pub(super) fn begin(&mut self, config: &RecorderConfig) {
        let tags = OpusTags {
            tags: config.tags.clone(),
        };
        self.headers
            .push_back(self.writer.header(&OpusHead::for_rtp(config.channels).to_bytes()));
        self.headers.push_back(self.writer.header(&tags.to_bytes()));
    }

    /// Adds a filler; gives the samples that it makes.
    pub(super) fn fill(&mut self, filler: Filler) -> u64 {
        let samples = filler.remaining();
        self.planned += samples;
        self.steps.push_back(Step::Fill(filler));
        samples
    }

    pub(super) fn packet(&mut self, payload: Bytes, samples: u32) {
        self.planned += u64::from(samples);
        self.steps.push_back(Step::Packet(payload, samples));
    }

    pub(super) fn planned(&self) -> u64 {
        self.planned
    }

    /// No more packets will come.
    pub(super) fn finish(&mut self) {
        self.is_finished = true;
    }

    /// The next page that is full, too old, or the last.
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
        if self.is_finished {
            return self.writer.finish();
        }
        self.close_old_page(now)
    }

    /// When [`next_page`](Self::next_page) will give something though no packet comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let since = self.open_since.filter(|_| self.writer.open_packets() > 1)?;
        Some(since + MAX_PAGE_AGE)
    }

    fn close_old_page(&mut self, now: Instant) -> Option<Bytes> {
        self.deadline().filter(|&deadline| deadline <= now)?;
        self.open_since = Some(now);
        self.writer.close_all_but_last()
    }

    /// A packet, its samples, and how many a page before it may hold.
    fn next_packet(&mut self) -> Option<(Bytes, u32, u64)> {
        loop {
            let filled = match self.steps.front_mut()? {
                Step::Fill(filler) => filler.next(),
                Step::Packet(..) => None,
            };
            if let Some((packet, samples)) = filled {
                return Some((packet, samples, FILLER_PAGE_SAMPLES));
            }
            if let Step::Packet(payload, samples) = self.steps.pop_front()? {
                return Some((payload, samples, self.page_samples()));
            }
        }
    }

    fn page_samples(&self) -> u64 {
        if self.writer.has_pages_of_sound() {
            PAGE_SAMPLES
        } else {
            FIRST_PAGE_SAMPLES
        }
    }
}
