//! Writes one track to the spool. The recorder decides what is written.

use std::{
    io,
    time::{Duration, Instant},
};

use domain::{EgressId, SampleTime};
use media::{Output, RecorderConfig, Summary, TrackRecorder};

use crate::spool::{
    SpooledFile,
    legacy::{Spool, SpoolWriter},
};

/// Pages before the first audio: `OpusHead` and `OpusTags` (RFC 7845 section 3).
const HEADER_PAGES: u64 = 2;

/// The recorder of one track, and the file that it fills.
pub struct TrackWriter {
    pub recorder: TrackRecorder,
    file: SpoolWriter,
    pages: u64,
}

/// What the recorder needs next.
pub enum WriterState {
    /// A packet, or a call of `handle_timeout` at this instant.
    WaitUntil(Instant),
    WaitForPacket,
    /// Nothing: the recording is finished.
    Done(Box<Summary>),
}

/// A finished file in the spool.
pub struct WrittenTrack {
    pub file: SpooledFile,
    pub summary: Summary,
}

impl TrackWriter {
    pub async fn open(spool: &Spool, egress_id: &EgressId, config: RecorderConfig) -> io::Result<Self> {
        Ok(Self {
            recorder: TrackRecorder::new(config),
            file: spool.create(egress_id).await?,
            pages: 0,
        })
    }

    /// Writes the pages that the recorder has finished.
    pub async fn write(&mut self) -> io::Result<WriterState> {
        loop {
            match self.recorder.poll_output() {
                Output::Page(page) => {
                    self.file.append(&page).await?;
                    self.pages += 1;
                }
                Output::Wait(until) => return Ok(WriterState::WaitUntil(until)),
                Output::Idle => return Ok(WriterState::WaitForPacket),
                Output::Done(summary) => return Ok(WriterState::Done(Box::new(summary))),
            }
        }
    }

    /// Whether the page of the first packet is in the spool.
    pub fn has_audio(&self) -> bool {
        self.pages > HEADER_PAGES
    }

    pub fn size_bytes(&self) -> u64 {
        self.file.size_bytes()
    }

    /// Ends the recording and closes the file. Returns `None`, and removes the file, if no packet was recorded.
    pub async fn finish(mut self) -> io::Result<Option<WrittenTrack>> {
        self.recorder.finish(Instant::now());
        let WriterState::Done(summary) = self.write().await? else {
            return Err(io::Error::other("the recorder continues after its end"));
        };
        if summary.samples == SampleTime::ZERO {
            self.file.discard().await?;
            return Ok(None);
        }
        Ok(Some(WrittenTrack {
            file: self.file.close().await?,
            summary: *summary,
        }))
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
