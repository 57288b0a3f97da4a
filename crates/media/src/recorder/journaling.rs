//! How a recorder hands over to the next one, and what it notes about times in which it heard nothing.

use std::{ops::RangeInclusive, time::Instant};

use domain::manifest::GapCause;

use super::journal_state::Scalars;
use super::resume::resume;
use super::{JournalEntry, RecorderConfig, TrackRecorder};
use crate::ogg::FileTail;

impl TrackRecorder {
    /// Continues the file of a recorder that is gone: the pages of `tail`, and what `journal` says about them. The serial
    /// number is the file's.
    ///
    /// The next packets are placed by their RTP timestamps if these continue, else by their arrival. The interval before
    /// them is filled; the part in which nobody listened is listed as [`GapCause::RecorderRestarted`]. It ends with
    /// [`handle_reconnect`](Self::handle_reconnect), else with the next packet. A file without audio is started again.
    ///
    /// The first entry of [`take_journal`](Self::take_journal) says how far the old entries are valid, so it is to be
    /// written at once. The entries of a file without audio must not be kept.
    pub fn resume(config: RecorderConfig, journal: Vec<JournalEntry>, tail: FileTail) -> Self {
        resume(config, &journal, &tail)
    }

    /// Returns what changed since the last call and is not in the pages; `None` if nothing did. To be called once a
    /// second after [`handle_timeout`](Self::handle_timeout), which says that the recorder still listens, and before a
    /// page is appended while [`has_new_gaps`](Self::has_new_gaps).
    pub fn take_journal(&mut self) -> Option<JournalEntry> {
        self.muxer.first_packet()?;
        let listened_until = (!self.muxer.holes.is_open()).then(|| self.wall.unix_nanos_at(self.now));
        let scalars = Scalars::of(&self.muxer, self.counts, listened_until);
        let entry = JournalEntry {
            points: self.muxer.envelope.take_new(),
            gaps: self.muxer.gaps.0.take_change(),
            mutes: self.mutes.0.take_change(),
            anchors: self.anchors.0.take_change(),
            holes: self.muxer.holes.take_change(),
            ..self.journaled.replace(scalars)
        };
        (entry != JournalEntry::default()).then_some(entry)
    }

    /// Whether the next page holds gaps that no journal entry lists yet, or no entry was taken yet.
    pub fn has_new_gaps(&self) -> bool {
        self.journaled == Scalars::default() || self.muxer.gaps.0.is_changed()
    }

    /// Notes that packets which arrived at these times, and between them, are kept from the recorder. The gap that they
    /// leave has this cause.
    pub fn note_hole(&mut self, arrivals: RangeInclusive<Instant>, cause: GapCause) {
        if self.is_finished {
            return;
        }
        let (first, last) = arrivals.into_inner();
        self.advance(last);
        self.release_all();
        let sample_at = |at| self.muxer.timestamps.sample_at(at);
        if let Some((start, end)) = sample_at(first).zip(sample_at(last)) {
            self.muxer.holes.add_dropped(start, end, cause);
        }
    }

    /// Notes that the connection is lost: from now on nothing is heard, until
    /// [`handle_reconnect`](Self::handle_reconnect).
    pub fn handle_lost(&mut self, now: Instant) {
        if self.is_finished {
            return;
        }
        self.advance(now);
        self.release_all();
        if let Some(sample) = self.muxer.timestamps.sample_at(now) {
            self.muxer.holes.open(sample, GapCause::ConnectionLost);
        }
    }

    /// Puts everything that was received on pages without ending the file; another recorder will continue it. Take the
    /// pages and the last journal entry afterwards.
    pub fn suspend(&mut self, now: Instant) {
        if !self.is_finished {
            self.advance(now);
            self.release_all();
            self.muxer.pages.flush();
        }
    }
}
