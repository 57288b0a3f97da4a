//! A track on its way to the spool: the recorder decides what is written, this writes it.

use std::{
    io,
    time::{Duration, Instant},
};

use domain::EgressId;
use media::{Output, RecorderConfig, Summary, TrackRecorder};

use crate::spool::{Spool, SpoolFile, Spooled};

/// Pages before the first sound: `OpusHead` and `OpusTags` (RFC 7845 section 3).
const HEADER_PAGES: u64 = 2;

/// The recorder of one track and its file.
pub struct Capture {
    pub recorder: TrackRecorder,
    file: SpoolFile,
    pages: u64,
}

/// What there is to do next.
pub enum Next {
    At(Instant),
    OnPacket,
    Nothing(Box<Summary>),
}

/// A file that is finished, and what is known of it.
pub struct Captured {
    pub file: Spooled,
    pub summary: Summary,
}

impl Capture {
    pub async fn begin(spool: &Spool, egress_id: &EgressId, config: RecorderConfig) -> io::Result<Self> {
        Ok(Self {
            recorder: TrackRecorder::new(config),
            file: spool.create(egress_id).await?,
            pages: 0,
        })
    }

    /// Writes what the recorder has ready.
    pub async fn write(&mut self) -> io::Result<Next> {
        loop {
            match self.recorder.poll_output() {
                Output::Page(page) => {
                    self.file.append(&page).await?;
                    self.pages += 1;
                }
                Output::Wait(until) => return Ok(Next::At(until)),
                Output::Idle => return Ok(Next::OnPacket),
                Output::Done(summary) => return Ok(Next::Nothing(Box::new(summary))),
            }
        }
    }

    /// Whether the first packet is in the spool.
    pub fn has_sound(&self) -> bool {
        self.pages > HEADER_PAGES
    }

    pub fn size_bytes(&self) -> u64 {
        self.file.size_bytes()
    }

    /// Ends the recording; `None` if there was no sound, and then no file either.
    pub async fn finish(mut self) -> io::Result<Option<Captured>> {
        self.recorder.finish(Instant::now());
        let Next::Nothing(summary) = self.write().await? else {
            return Err(io::Error::other("the recorder goes on after its end"));
        };
        if summary.samples == 0 {
            self.file.discard().await?;
            return Ok(None);
        }
        Ok(Some(Captured {
            file: self.file.close().await?,
            summary: *summary,
        }))
    }
}

/// How long a recording of so many samples is.
pub fn duration(samples: u64) -> Duration {
    let rate = u64::from(media::SAMPLE_RATE);
    Duration::from_secs(samples / rate) + Duration::from_nanos(samples % rate * 1_000_000_000 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_durations_without_overflow() {
        assert_eq!(duration(960), Duration::from_millis(20));
        assert_eq!(duration(48_001), Duration::from_nanos(1_000_020_833));
        assert!(duration(u64::MAX) > Duration::from_secs(1 << 40));
    }
}
