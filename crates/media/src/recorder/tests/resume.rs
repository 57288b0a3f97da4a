//! A recorder dies at any moment and another one continues its file.

use std::time::Duration;

use bytes::Bytes;
use domain::SampleTime;
use domain::manifest::{Gap, GapCause};
use proptest::prelude::*;

use super::support::*;
use crate::ogg::recover;
use crate::recorder::{JournalEntry, MuteState};

const SECOND: i64 = SampleTime::SECOND.0;

/// What a recorder has given to its folder, in order.
#[derive(Clone)]
enum Write {
    Page(Bytes),
    Line(String),
}

/// A scenario whose recorder writes a journal as sessions do.
struct Life {
    scenario: Scenario,
    writes: Vec<Write>,
    pages: usize,
    next_tick_ms: u64,
    /// Bytes of the journal that are on stable storage before a page is appended.
    flushed: usize,
}

impl Life {
    fn new() -> Self {
        Self::of(Scenario::new())
    }

    fn of(scenario: Scenario) -> Self {
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
    fn step(&mut self, step: impl FnOnce(&mut Scenario)) {
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

    fn log(&mut self) {
        if let Some(entry) = self.scenario.recorder.take_journal() {
            self.writes
                .push(Write::Line(serde_json::to_string(&entry).unwrap() + "\n"));
        }
    }

    fn speak(&mut self, packets: u32) {
        for _ in 0..packets {
            self.step(|scenario| scenario.send_speech(1));
        }
    }

    fn silence(&mut self, ms: u64) {
        for _ in 0..ms / 100 {
            self.step(|scenario| scenario.silence(100));
        }
    }

    fn lose(&mut self, packets: u32) {
        self.step(|scenario| scenario.lose(packets));
    }

    fn suspend(&mut self) {
        self.step(|scenario| {
            scenario.recorder.suspend(scenario.now());
            scenario.drain();
        });
        self.log();
    }

    fn pages_and_lines(&self) -> (Vec<u8>, String) {
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
    fn restart(mut self, lost_bytes: usize, lost_text: usize, down_ms: u64) -> Self {
        let (mut file, mut lines) = self.pages_and_lines();
        file.truncate(file.len().saturating_sub(lost_bytes));
        lines.truncate(lines.len().saturating_sub(lost_text).max(self.flushed));
        if recover(&file[..]).unwrap().samples == 0 {
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

    fn finish(self) -> Recording {
        self.scenario.finish()
    }
}

fn gap(start: i64, end: i64, cause: GapCause) -> Gap {
    Gap {
        start_sample: SampleTime(start),
        samples: SampleTime(end - start),
        cause,
        lost_packets: 0,
    }
}

/// Checks what must hold for every file, and returns the packets of the publisher.
fn checked(recording: &Recording) -> Vec<(u32, u64)> {
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
fn assert_in_place(speech: &[(u32, u64)], tolerance_ms: u64) {
    let (first, _) = speech[0];
    for (number, at) in speech {
        let expected = u64::from(number - first) * FRAME_MS;
        assert!(at.abs_diff(expected) <= tolerance_ms, "packet {number} is at {at} ms");
    }
}

#[test]
fn a_killed_recorder_is_continued_and_the_hole_is_listed_once() {
    let mut life = Life::new();
    life.speak(500);

    let mut life = life.restart(0, 0, 2000);
    life.scenario.number += 100;
    life.speak(500);
    let recording = life.finish();

    let speech = checked(&recording);
    assert_in_place(&speech, 0);
    let [hole] = recording.summary.gaps[..] else {
        panic!("{:?}", recording.summary.gaps)
    };
    assert_eq!(hole.cause, GapCause::RecorderRestarted);
    assert!((2000..=2500).contains(&(hole.samples.as_millis())), "{hole:?}");
}

#[test]
fn a_suspended_recorder_loses_nothing_that_it_received() {
    let mut life = Life::new();
    life.speak(507);
    life.suspend();

    let mut life = life.restart(0, 0, 1000);
    life.scenario.number += 50;
    life.speak(50);
    let recording = life.finish();

    checked(&recording);
    let start = 507 * 960;
    assert_eq!(
        recording.summary.gaps,
        [gap(start, start + SECOND, GapCause::RecorderRestarted)]
    );
}

#[test]
fn timestamps_that_do_not_continue_are_placed_by_arrival() {
    let mut life = Life::new();
    life.speak(500);

    let mut life = life.restart(0, 0, 2000);
    life.scenario.number += 100;
    life.scenario.timestamp = 77;
    life.speak(50);
    let recording = life.finish();

    assert_in_place(&checked(&recording), 25);
}

#[test]
fn silence_before_and_after_the_restart_is_not_claimed_as_lost() {
    let mut life = Life::new();
    life.speak(500);
    life.step(|scenario| scenario.mute(MuteState::Muted));
    life.silence(60_000);

    let mut life = life.restart(0, 0, 2000);
    life.step(|scenario| scenario.joined());
    life.silence(30_000);
    life.step(|scenario| scenario.mute(MuteState::Unmuted));
    life.speak(50);
    let recording = life.finish();

    checked(&recording);
    let gaps = &recording.summary.gaps;
    let causes: Vec<_> = gaps.iter().map(|gap| gap.cause).collect();
    assert_eq!(
        causes,
        [GapCause::Silence, GapCause::RecorderRestarted, GapCause::Silence]
    );
    assert!((2000..=3000).contains(&gaps[1].samples.as_millis()), "{gaps:?}");
    assert_eq!(recording.summary.mutes.len(), 1);
    assert_eq!(recording.summary.mutes[0].end_sample, Some(SampleTime(102 * SECOND)));
}

#[test]
fn two_restarts_during_one_silence_are_both_listed() {
    let mut life = Life::new();
    life.speak(500);
    life.silence(10_000);

    let mut life = life.restart(0, 0, 2000);
    life.step(|scenario| scenario.joined());
    life.silence(10_000);
    let mut life = life.restart(0, 0, 3000);
    life.step(|scenario| scenario.joined());
    life.silence(10_000);
    life.speak(50);
    let recording = life.finish();

    checked(&recording);
    let restarted = recording
        .summary
        .gaps
        .iter()
        .filter(|gap| gap.cause == GapCause::RecorderRestarted);
    let lengths: Vec<_> = restarted.map(|gap| gap.samples.as_millis() / 1000).collect();
    assert_eq!(lengths, [2, 3]);
}

#[test]
fn a_file_without_audio_is_started_anew() {
    for cut in [0, 30, 100] {
        let mut life = Life::new();
        life.speak(50);
        let (file, _) = life.pages_and_lines();

        let mut life = life.restart(file.len() - cut, 0, 2000);
        life.speak(50);
        let recording = life.finish();

        assert_eq!(checked(&recording).len(), 50);
        assert_eq!(recording.summary.gaps, []);
    }
}

#[test]
fn a_lost_journal_costs_only_what_it_said() {
    let mut life = Life::new();
    life.speak(200);
    life.silence(3000);
    life.speak(200);

    let mut life = life.restart(0, usize::MAX, 2000);
    life.speak(50);
    let recording = life.finish();

    checked(&recording);
    assert_eq!(recording.summary.gaps.len(), 2);
    assert!(recording.summary.clock.is_some());
}

#[test]
fn a_wrong_clock_after_a_reboot_does_not_fill_the_disk() {
    for shift_s in [-40 * 365 * 86_400, -3600, 40 * 365 * 86_400] {
        let mut life = Life::new();
        life.speak(200);
        life.suspend();
        life.scenario.shift_clock(shift_s);

        let mut life = life.restart(0, 0, 2000);
        life.speak(200);
        life.silence(2000);
        life.speak(50);
        let samples = life.scenario.recorder.samples();

        assert!(samples <= SampleTime(86_500 * SECOND), "{shift_s}: {samples}");
        assert_eq!(life.scenario.recorder.counts().written, 450, "{shift_s}");
    }
}

#[test]
fn the_clock_continues() {
    let mut life = Life::new();
    life.speak(4000);

    let mut life = life.restart(0, 0, 2000);
    life.scenario.number += 100;
    life.speak(2000);
    let recording = life.finish();

    let clock = recording.summary.clock.unwrap();
    assert!(clock.fit.a_ns.nanos_since(START).abs() < 25_000_000, "{clock:?}");
    assert!((clock.fit.b_ns - 1e9 / 48_000.0).abs() < 0.01);
    assert_eq!(clock.first_rtp_timestamp, 50_000);
    assert_eq!(clock.first_arrival_ns, START);
}

/// Speech, pauses and losses.
fn speak_unevenly(life: &mut Life, steps: &[(u8, u32)]) {
    for &(kind, length) in steps {
        match kind {
            0 => life.silence(u64::from(length) * 100),
            1 => life.lose(length),
            _ => life.speak(length * 5),
        }
        life.speak(2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_recorder_killed_anywhere_is_continued(
        before in prop::collection::vec((0u8..5, 1u32..30), 1..12),
        between in prop::collection::vec((0u8..5, 1u32..30), 0..6),
        after in prop::collection::vec((0u8..5, 1u32..30), 1..6),
        cuts in prop::array::uniform2((0usize..6000, 0usize..700, 0u64..5000, any::<bool>())),
    ) {
        let mut life = Life::new();
        speak_unevenly(&mut life, &before);
        for (cut, steps) in cuts.into_iter().zip([between, after]) {
            let (lost_bytes, lost_text, down_ms, is_told) = cut;
            life = life.restart(lost_bytes, lost_text, down_ms / 20 * 20);
                    if is_told {
                life.step(|scenario| scenario.joined());
            }
            life.scenario.number += (down_ms / 20) as u32;
            speak_unevenly(&mut life, &steps);
            life.speak(10);
        }
        let position_is_known = life.scenario.pages.len() > 2;
        let recording = life.finish();

        checked(&recording);
        prop_assert!(position_is_known);
    }
}

proptest! {
    // each may fill 24 h
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_journal_is_tolerated(
        lines in prop::collection::vec(any_entry(), 0..8),
        speech in 1u32..100,
    ) {
        let mut life = Life::new();
        life.speak(100);
        let (file, _) = life.pages_and_lines();
        life.scenario.restart(file, lines, 1000);
        life.pages = 0;
        life.speak(speech);

        let samples = life.scenario.recorder.samples();

        prop_assert!(samples <= SampleTime(2 * 86_400 * SECOND));
    }
}

fn any_entry() -> impl Strategy<Value = JournalEntry> {
    let number = prop_oneof![
        Just("0"),
        Just("-9223372036854775808"),
        Just("9223372036854775807"),
        Just("96000")
    ];
    prop::collection::vec(number, 16).prop_map(|n| {
        let text = format!(
            r#"{{"listened_until_ns":{},"samples":{},"last":{{"rtp_timestamp":7,"arrival_ns":{},"sample":{}}},
            "first":{{"rtp_timestamp":7,"arrival_ns":{},"sample":{}}},"points":[{{"sample":{},"arrival":{}}}],
            "gaps":{{"from":3,"items":[{{"start_sample":{},"samples":{},"cause":"loss","lost_packets":1}}]}},
            "mutes":{{"from":0,"items":[{{"start_sample":{},"end_sample":{}}}]}},
            "anchors":{{"from":9,"items":[{{"sample":{},"publisher_ns":{},"arrival_ns":{}}}]}},
            "holes":[{{"start_sample":{},"cause":"silence"}}]}}"#,
            n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11], n[12], n[13], n[14], n[15]
        );
        serde_json::from_str(&text).unwrap()
    })
}

#[test]
fn an_entry_is_small_and_reads_back() {
    let mut life = Life::new();
    life.speak(500);
    let (_, lines) = life.pages_and_lines();

    let longest = lines.lines().skip(1).map(str::len).max().unwrap();

    assert!(longest <= 420, "{lines}");
    assert_eq!(
        serde_json::from_str::<JournalEntry>("{\"later\":1}").unwrap(),
        JournalEntry::default()
    );
}

#[test]
fn packets_kept_from_the_recorder_leave_a_gap_with_that_cause() {
    let mut scenario = Scenario::new();
    scenario.send_speech(100);

    for _ in 0..250 {
        scenario.recorder.note_hole(scenario.now(), GapCause::DiskFull);
        scenario.lose(1);
    }
    scenario.silence(5000);
    scenario.send_speech(100);
    let recording = scenario.finish();

    let causes: Vec<_> = recording
        .summary
        .gaps
        .iter()
        .map(|gap| (gap.cause, gap.samples.as_millis()))
        .collect();
    assert_eq!(causes, [(GapCause::DiskFull, 5000), (GapCause::Silence, 5000)]);
    assert_eq!(recording.summary.gaps[0].lost_packets, 250);
}

#[test]
fn silence_before_the_connection_is_lost_is_not_part_of_the_hole() {
    let mut scenario = Scenario::new();
    scenario.send_speech(100);
    scenario.silence(10_000);

    scenario.recorder.handle_lost(scenario.now());
    scenario.silence(4000);
    scenario.reconnect(2, 5);
    scenario.silence(10_000);
    scenario.send_speech(100);
    let recording = scenario.finish();

    let causes: Vec<_> = recording
        .summary
        .gaps
        .iter()
        .map(|gap| (gap.cause, gap.samples.as_millis()))
        .collect();
    assert_eq!(
        causes,
        [
            (GapCause::Silence, 10_000),
            (GapCause::ConnectionLost, 4000),
            (GapCause::Silence, 10_000)
        ]
    );
}

#[test]
fn every_packet_is_on_a_page_within_half_a_second() {
    let mut scenario = Scenario::new();
    let mut sent = Vec::new();
    for burst in [1, 2, 3, 9, 10, 11, 25, 1] {
        for _ in 0..burst {
            sent.push((scenario.number, scenario.now_ms));
            scenario.send_speech(1);
        }
        scenario.silence(1500);
    }

    let at_ms = |number: u32| {
        let content = speech(number);
        let holds = |page: &&Page| page.bytes.windows(content.len()).any(|bytes| *bytes == content);
        scenario.pages.iter().find(holds).map(|page| page.at_ms)
    };

    for (number, sent_ms) in sent {
        let age = Duration::from_millis(at_ms(number).unwrap() - sent_ms);
        assert!(age <= Duration::from_millis(500), "packet {number}: {age:?}");
    }
}
