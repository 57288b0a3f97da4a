//! Writes one track to its folder. The recorder decides what is written.

use std::time::{Duration, Instant};

use domain::{SampleTime, manifest::GapCause};
use media::{Output, RecorderConfig, RtpPacket, Summary, TrackRecorder};
use tokio::time::timeout;

use super::context::LeftRecording;
use crate::spool::EgressFolder;

/// Pages before the first audio: `OpusHead` and `OpusTags` (RFC 7845 section 3).
const HEADER_PAGES: u64 = 2;

/// How often the recorder's journal is written: a killed process may lose a second of it, as of the audio.
const JOURNAL_INTERVAL: Duration = Duration::from_secs(1);

/// The longest wait for the disk at a suspension, after which this process is to be gone within 2 s.
const SUSPEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The recorder of one track, and the folder that it fills.
pub struct TrackWriter {
    pub recorder: TrackRecorder,
    folder: EgressFolder,
    size_bytes: u64,
    pages: u64,
    /// When the next journal entry is due.
    journal_at: Instant,
}

/// What the recorder needs next.
pub enum WriterState {
    /// A packet, or a call of `handle_timeout` at this instant.
    WaitUntil(Instant),
    /// Nothing: the recording is finished.
    Done(Box<Summary>),
}

impl TrackWriter {
    /// Starts a file, or continues the one that an earlier process left.
    pub fn new(folder: EgressFolder, config: RecorderConfig, left: Option<LeftRecording>) -> Self {
        let (recorder, size_bytes, pages) = match left {
            Some(LeftRecording {
                journal,
                audio: Some(tail),
                ..
            }) => {
                let (size_bytes, pages) = (tail.valid_bytes, u64::from(tail.next_page));
                (TrackRecorder::resume(config, journal, tail), size_bytes, pages)
            }
            _ => (TrackRecorder::new(config), 0, 0),
        };
        Self {
            recorder,
            folder,
            size_bytes,
            pages,
            journal_at: Instant::now() + JOURNAL_INTERVAL,
        }
    }

    /// Records a packet. If too much already waits for the disk, the packet is dropped and leaves a listed hole.
    pub fn handle_packet(&mut self, packet: RtpPacket) {
        if self.folder.is_backlogged() {
            self.recorder
                .note_hole(packet.arrival..=packet.arrival, GapCause::DiskFull);
        } else {
            self.recorder.handle_packet(packet);
        }
    }

    /// Passes the time to the recorder, and writes its journal once a second.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.recorder.handle_timeout(now);
        if self.journal_at <= now {
            self.journal_at = now + JOURNAL_INTERVAL;
            // What waits for a full disk must not grow with time. A later entry says all that this one would.
            if !self.folder.is_backlogged() {
                self.log();
            }
        }
    }

    /// Writes the pages that the recorder has finished.
    pub fn write(&mut self) -> WriterState {
        loop {
            match self.recorder.poll_output() {
                Output::Page(page) => {
                    // A gap whose filler is in the file must be in the journal, or it would be mistaken for audio.
                    if self.recorder.has_new_gaps() {
                        self.log();
                    }
                    self.size_bytes += page.len() as u64;
                    self.pages += 1;
                    self.folder.append(page);
                }
                Output::Wait(until) => return WriterState::WaitUntil(until.min(self.journal_at)),
                Output::Idle => return WriterState::WaitUntil(self.journal_at),
                Output::Done(summary) => return WriterState::Done(Box::new(summary)),
            }
        }
    }

    /// Whether the page of the first packet is written.
    pub fn has_audio(&self) -> bool {
        self.pages > HEADER_PAGES
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Writes everything that was received, for the process that continues the file.
    pub async fn suspend(&mut self) {
        self.recorder.suspend(Instant::now());
        self.write();
        self.log();
        let _disk_is_slow = timeout(SUSPEND_TIMEOUT, self.folder.flush()).await;
    }

    /// Ends the recording, writes the rest of it and returns what was recorded.
    pub fn finish(&mut self) -> Summary {
        self.recorder.finish(Instant::now());
        let state = self.write();
        self.log();
        match state {
            WriterState::Done(summary) => *summary,
            WriterState::WaitUntil(_) => unreachable!("a finished recorder waits for nothing"),
        }
    }

    fn log(&mut self) {
        if let Some(entry) = self.recorder.take_journal() {
            self.folder.log(&entry);
        }
    }
}

/// The duration of `samples` at 48 kHz.
pub fn duration(samples: SampleTime) -> Duration {
    let samples = samples.samples();
    let rate = u64::from(media::SAMPLE_RATE);
    Duration::from_secs(samples / rate) + Duration::from_nanos(samples % rate * 1_000_000_000 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_durations_without_overflow() {
        assert_eq!(duration(SampleTime(960)), Duration::from_millis(20));
        assert_eq!(duration(SampleTime(48_001)), Duration::from_nanos(1_000_020_833));
        assert!(duration(SampleTime(i64::MAX)) > Duration::from_secs(1 << 40));
    }
}
