//! A recorder whose pages and journal are kept as a session keeps them, and the next one.

use std::io::Cursor;

use bytes::Bytes;
use domain::SampleTime;
use domain::manifest::{Gap, GapCause};

use super::support::*;
use crate::ogg::recover;
use crate::recorder::JournalEntry;

pub const SECOND: i64 = SampleTime::SECOND.0;

/// What a recorder has given to its folder, in order.
#[derive(Clone)]
pub enum Write {
    Page(Bytes),
    Line(String),
}

/// A scenario whose recorder writes a journal as sessions do.
pub struct Life {
    pub scenario: Scenario,
    writes: Vec<Write>,
    pub pages: usize,
    next_tick_ms: u64,
    /// Bytes of the journal that are on stable storage before a page is appended.
    flushed: usize,
}

impl Life {
    pub fn new() -> Self {
        Self::of(Scenario::new())
    }

    pub fn of(scenario: Scenario) -> Self {
        let next_tick_ms = scenario.now_ms + 1000;
        Self {
            pages: scenario.pages.len(),
            scenario,
            writes: Vec::new(),
            next_tick_ms,
            flushed: 0,
        }
    }

    /// Does `step` and then what a session does after each event.
    pub fn step(&mut self, step: impl FnOnce(&mut Scenario)) {
        step(&mut self.scenario);
        if self.scenario.now_ms >= self.next_tick_ms {
            self.scenario.recorder.handle_timeout(self.scenario.now());
            self.scenario.drain();
            self.log();
            self.next_tick_ms = self.scenario.now_ms + 1000;
        }
        if self.scenario.recorder.has_new_gaps() {
            self.log();
        }
        let new = self.scenario.pages[self.pages..].iter();
        self.writes.extend(new.map(|page| Write::Page(page.bytes.clone())));
        self.pages = self.scenario.pages.len();
    }

    pub fn log(&mut self) {
        if let Some(entry) = self.scenario.recorder.take_journal() {
            self.writes
                .push(Write::Line(serde_json::to_string(&entry).unwrap() + "\n"));
        }
    }

    pub fn speak(&mut self, packets: u32) {
        for _ in 0..packets {
            self.step(|scenario| scenario.send_speech(1));
        }
    }

    pub fn silence(&mut self, ms: u64) {
        for _ in 0..ms / 100 {
            self.step(|scenario| scenario.silence(100));
        }
    }

    pub fn lose(&mut self, packets: u32) {
        self.step(|scenario| scenario.lose(packets));
    }

    pub fn suspend(&mut self) {
        self.step(|scenario| {
            scenario.recorder.suspend(scenario.now());
            scenario.drain();
        });
        self.log();
    }

    pub fn pages_and_lines(&self) -> (Vec<u8>, String) {
        let mut file = Vec::new();
        let mut lines = String::new();
        for write in &self.writes {
            match write {
                Write::Page(page) => file.extend_from_slice(page),
                Write::Line(line) => lines.push_str(line),
            }
        }
        (file, lines)
    }

    /// Kills the recorder and continues with another, `down_ms` later, from a file and a journal that lack their ends.
    pub fn restart(mut self, lost_bytes: usize, lost_text: usize, down_ms: u64) -> Self {
        let (mut file, mut lines) = self.pages_and_lines();
        file.truncate(file.len().saturating_sub(lost_bytes));
        let first_line = lines.find('\n').map_or(0, |end| end + 1);
        let kept = if lost_text == usize::MAX {
            0
        } else {
            self.flushed.max(first_line)
        };
        lines.truncate(lines.len().saturating_sub(lost_text).max(kept));
        if recover(Cursor::new(&file)).unwrap().samples == 0 {
            lines.clear(); // as the spool does
        }
        let journal: Vec<_> = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<JournalEntry>(line).ok())
            .collect();
        self.scenario.restart(file, journal, down_ms);
        let kept = Write::Page(Bytes::from(self.scenario.file()));
        let lines = lines
            .lines()
            .filter(|line| serde_json::from_str::<JournalEntry>(line).is_ok());
        let lines = lines.map(|line| Write::Line(line.to_owned() + "\n"));
        let writes = std::iter::once(kept).chain(lines).collect();
        let mut life = Self {
            writes,
            ..Self::of(self.scenario)
        };
        life.log();
        life.flushed = life.pages_and_lines().1.len();
        life
    }

    pub fn finish(self) -> Recording {
        self.scenario.finish()
    }
}

pub fn gap(start: i64, end: i64, cause: GapCause) -> Gap {
    Gap {
        start_sample: SampleTime(start),
        samples: SampleTime(end - start),
        cause,
        lost_packets: 0,
    }
}

/// Checks what must hold for every file, and returns the packets of the publisher.
pub fn checked(recording: &Recording) -> Vec<(u32, u64)> {
    let summary = crate::opus::probe(&recording.file[..]).unwrap();
    assert_eq!(summary.damage, Default::default());
    assert_eq!(summary.samples, recording.summary.samples);
    let speech = recording.speech();
    assert_eq!(recording.summary.counts.written, speech.len() as u64);
    let filled: i64 = recording.summary.gaps.iter().map(|gap| gap.samples.0).sum();
    assert_eq!(
        filled + speech.len() as i64 * 960,
        summary.samples.0,
        "every sample is a packet's or a gap's"
    );
    let mut end = 0;
    for gap in &recording.summary.gaps {
        assert!(
            gap.start_sample.0 >= end && gap.samples.0 > 0,
            "{:?}",
            recording.summary.gaps
        );
        end = gap.start_sample.0 + gap.samples.0;
        let covered = |at: u64| (gap.start_sample.0..end).contains(&((at * 48) as i64));
        assert!(!speech.iter().any(|(_, at)| covered(*at)), "a packet is in a gap");
    }
    speech
}

/// Checks that packet `n` is where it was spoken, `n` times 20 ms after the first.
pub fn assert_in_place(speech: &[(u32, u64)], tolerance_ms: u64) {
    let (first, _) = speech[0];
    for (number, at) in speech {
        let expected = u64::from(number - first) * FRAME_MS;
        assert!(at.abs_diff(expected) <= tolerance_ms, "packet {number} is at {at} ms");
    }
}
