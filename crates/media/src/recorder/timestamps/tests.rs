use std::time::Duration;

use super::*;

const SECOND: i64 = SampleTime::SECOND.0;

struct Track {
    start: Instant,
    mapper: TimestampMapper,
}

/// Creates a track whose first packet arrived at 0 s with timestamp `first`.
fn track(first: u32) -> Track {
    let start = Instant::now();
    let mut mapper = TimestampMapper::default();
    mapper.advance(first, start, SampleTime::ZERO);
    Track { start, mapper }
}

impl Track {
    fn position(&self, timestamp: u32, seconds: f64, continuity: Continuity) -> Position {
        self.mapper.position(
            timestamp,
            self.start + Duration::from_secs_f64(seconds),
            continuity,
            SampleTime(960),
        )
    }
}

fn by_timestamp(sample: i64) -> Position {
    Position {
        sample: SampleTime(sample),
        basis: Basis::Timestamp,
    }
}

fn by_arrival(sample: i64) -> Position {
    Position {
        sample: SampleTime(sample),
        basis: Basis::Arrival,
    }
}

#[test]
fn timestamps_wrap_without_a_jump() {
    let track = track(u32::MAX - 959);

    assert_eq!(track.position(0, 0.02, Continuity::SameSource), by_timestamp(960));
}

#[test]
fn a_mute_longer_than_a_wrap_of_the_timestamps_keeps_its_length() {
    let hours = 60 * 3600;
    let track = track(7);

    let position = track.position(
        7u32.wrapping_add((hours * SECOND) as u32),
        hours as f64 + 0.3,
        Continuity::SameSource,
    );

    assert_eq!(position, by_timestamp(hours * SECOND));
}

#[test]
fn a_jump_that_arrivals_contradict_is_placed_by_arrival() {
    let track = track(0);

    assert_eq!(
        track.position(31 * SECOND as u32, 0.5, Continuity::SameSource),
        by_arrival(SECOND / 2)
    );
    assert_eq!(
        track.position((-31 * SECOND) as u32, 0.5, Continuity::SameSource),
        by_arrival(SECOND / 2)
    );
    assert_eq!(
        track.position(29 * SECOND as u32, 0.5, Continuity::SameSource),
        by_timestamp(29 * SECOND)
    );
}

#[test]
fn packets_delayed_by_a_stall_stay_adjacent() {
    let track = track(0);

    assert_eq!(track.position(960, 45.0, Continuity::SameSource), by_timestamp(960));
}

#[test]
fn after_a_reconnect_timestamps_are_used_if_arrivals_agree() {
    let track = track(1000);

    let agreeing = track.position(1000 + 2 * SECOND as u32, 2.2, Continuity::Reconnected);
    let unrelated = track.position(2_000_000_000, 2.2, Continuity::Reconnected);

    assert_eq!(agreeing, by_timestamp(2 * SECOND));
    assert_eq!(unrelated, by_arrival(22 * SECOND / 10));
}

#[test]
fn packets_that_were_read_late_do_not_make_the_timestamps_after_a_reconnect_doubtful() {
    let mut track = track(1000);
    // The machine stood still for 25 s. What was sent in its first 15 s is read at its end, the rest is lost.
    let woken = track.start + Duration::from_secs(30);
    let read = 20 * SECOND;
    track.mapper.advance(1000 + read as u32, woken, SampleTime(read));
    let hole = Continuity::Reconnected;

    let agreeing = track.position(1000 + 30 * SECOND as u32, 30.2, hole);
    let unrelated = track.position(2_000_000_000, 30.2, hole);

    assert_eq!(agreeing, by_timestamp(30 * SECOND));
    assert_eq!(unrelated, by_arrival(read + SECOND / 5));
}

#[test]
fn plausible_jumps_do_not_add_up() {
    let mut track = track(0);
    let mut timestamp = 0u32;
    let mut written = SampleTime(960);

    for _ in 0..1000 {
        timestamp = timestamp.wrapping_add(29 * SECOND as u32);
        let position = track
            .mapper
            .position(timestamp, track.start, Continuity::SameSource, written);
        track.mapper.advance(timestamp, track.start, position.sample);
        written = written.max(position.sample) + SampleTime(960);
    }

    assert!(written <= SampleTime(31 * SECOND + 1000 * 960));
}

#[test]
fn a_position_by_arrival_never_overlaps_what_is_written() {
    let mut track = track(0);
    track.mapper.advance(9600, track.start, SampleTime(9600));

    let position = track
        .mapper
        .position(3_000_000_000, track.start, Continuity::SameSource, SampleTime(10_560));

    assert_eq!(position, by_arrival(10_560));
}
