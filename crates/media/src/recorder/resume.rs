//! Creates the recorder that continues a file.

use domain::SampleTime;
use domain::manifest::{Gap, GapCause, PacketCounts};

use super::annotations::{Anchors, Gaps, Mutes};
use super::holes::Holes;
use super::journal::{Hole, JournalEntry, JournalPacket};
use super::pages::Pages;
use super::replay::Replay;
use super::timestamps::{Continuity, MappedPacket, TimestampMapper};
use super::tracked_list::TrackedList;
use super::{RecorderConfig, TrackRecorder};
use crate::WallClock;
use crate::ogg::{FileTail, TailPacket};
use crate::timeline::Envelope;

/// Continues the file that ends with `tail`. A file without audio is started again.
pub(super) fn resume(config: RecorderConfig, journal: &[JournalEntry], tail: &FileTail) -> TrackRecorder {
    if tail.samples == 0 {
        return TrackRecorder::new(config);
    }
    let length = SampleTime::from_samples(tail.samples);
    let replay = Replay::of(journal);
    let timestamps = timestamps(&replay, tail, &config.wall);
    let gaps = gaps_in_file(&replay, tail);
    let holes = holes(&replay, &timestamps, &config.wall, length);
    let counts = PacketCounts {
        written: written(&replay, tail, &gaps),
        ..replay.counts
    };
    let mut recorder = TrackRecorder::new(config);
    recorder.muxer.pages = Pages::resume(tail);
    recorder.muxer.timestamps = timestamps;
    recorder.muxer.envelope = Envelope::restore(replay.points);
    recorder.muxer.gaps = Gaps(TrackedList::restore(gaps, &replay.gaps));
    recorder.muxer.holes = Holes::restore(holes);
    recorder.mutes = Mutes(TrackedList::restore(replay.mutes.clone(), &replay.mutes));
    recorder.anchors = Anchors(TrackedList::restore(replay.anchors.clone(), &replay.anchors));
    recorder.counts = counts;
    recorder.continuity = Continuity::Resumed;
    recorder
}

/// Positions continue from the last packet of the journal. Without one, the end of the file is where it was written last.
fn timestamps(replay: &Replay, tail: &FileTail, wall: &WallClock) -> TimestampMapper {
    let mapped = |packet: JournalPacket| MappedPacket {
        timestamp: packet.rtp_timestamp,
        arrival: wall.instant_at(packet.arrival_ns),
        sample: packet.sample,
    };
    let end = || MappedPacket {
        timestamp: 0,
        arrival: tail.modified.map_or(wall.instant, |time| wall.instant_at(time)),
        sample: SampleTime::from_samples(tail.samples),
    };
    let last = replay.last.map_or_else(end, mapped);
    let first = replay.first.map_or_else(|| first_before(last), mapped);
    TimestampMapper::resume(first, last)
}

/// Estimates the packet at sample 0 from another one.
fn first_before(packet: MappedPacket) -> MappedPacket {
    let since = std::time::Duration::from_millis(packet.sample.as_millis().unsigned_abs());
    MappedPacket {
        timestamp: packet.timestamp.wrapping_sub(packet.sample.0 as u32),
        arrival: packet.arrival.checked_sub(since).unwrap_or(packet.arrival),
        sample: SampleTime::ZERO,
    }
}

/// Returns the gaps of the journal as far as the file goes, and then what looks like fillers and is not in the journal.
fn gaps_in_file(replay: &Replay, tail: &FileTail) -> Vec<Gap> {
    let length = SampleTime::from_samples(tail.samples);
    let within = |gap: &Gap| Gap {
        samples: gap.samples.min(length - gap.start_sample),
        ..*gap
    };
    let journaled = replay.gaps.iter().filter(|gap| gap.start_sample < length);
    let mut gaps: Vec<_> = journaled.map(within).collect();
    for packet in tail.recent.iter().filter(|packet| packet.looks_like_filler) {
        let start_sample = SampleTime::from_samples(packet.start);
        if start_sample >= replay.samples {
            join_or_push(&mut gaps, start_sample, SampleTime(packet.samples.into()));
        }
    }
    gaps
}

fn join_or_push(gaps: &mut Vec<Gap>, start_sample: SampleTime, samples: SampleTime) {
    let continues =
        |gap: &&mut Gap| gap.cause == GapCause::RecorderRestarted && gap.start_sample + gap.samples == start_sample;
    if let Some(last) = gaps.last_mut().filter(continues) {
        last.samples += samples;
        return;
    }
    gaps.push(Gap {
        start_sample,
        samples,
        cause: GapCause::RecorderRestarted,
        lost_packets: 0,
    });
}

/// Returns what is known about the interval after the file: what the journal describes and the file lacks, what was not
/// filled yet, and the time in which no recorder ran.
fn holes(replay: &Replay, timestamps: &TimestampMapper, wall: &WallClock, length: SampleTime) -> Vec<Hole> {
    let mut holes = cut_off(replay, length);
    let listened = replay.listened_until.map(|time| wall.instant_at(time));
    let until = listened.and_then(|until| timestamps.sample_at(until)).unwrap_or(length);
    for hole in &replay.holes {
        holes.push(Hole {
            end_sample: hole.end_sample.or(Some(until.max(hole.start_sample))),
            ..*hole
        });
    }
    holes.push(Hole {
        start_sample: until.max(holes.last().map_or(length, |hole| hole.start_sample)),
        end_sample: None,
        cause: GapCause::RecorderRestarted,
    });
    holes
}

/// Divides what the journal describes beyond the end of the file: its gaps keep their causes, its packets are lost.
fn cut_off(replay: &Replay, length: SampleTime) -> Vec<Hole> {
    let mut holes = Vec::new();
    let mut cursor = length;
    let mut push = |start_sample: SampleTime, end: SampleTime, cause| {
        if start_sample < end {
            holes.push(Hole {
                start_sample,
                end_sample: Some(end),
                cause,
            });
        }
    };
    for gap in &replay.gaps {
        let (start, end) = (gap.start_sample.max(length), gap.start_sample + gap.samples);
        push(cursor, start, GapCause::RecorderRestarted);
        push(start.max(cursor), end, gap.cause);
        cursor = cursor.max(end);
    }
    push(cursor, replay.samples, GapCause::RecorderRestarted);
    holes
}

/// Returns how many of the file's packets came from the publisher.
fn written(replay: &Replay, tail: &FileTail, gaps: &[Gap]) -> u64 {
    let counted = replay.counted_until(SampleTime::from_samples(tail.samples));
    let start = |packet: &TailPacket| SampleTime::from_samples(packet.start);
    let is_all = tail.is_whole && tail.recent.len() as u64 == tail.packets;
    let covers = is_all || tail.recent.front().is_some_and(|p| start(p) <= counted.samples);
    if !covers {
        return counted.written.max(tail.packets - tail.fillers);
    }
    let is_filler = |packet: &TailPacket| packet.looks_like_filler && is_in_gap(gaps, start(packet));
    let later = tail.recent.iter().filter(|packet| start(packet) >= counted.samples);
    counted.written + later.filter(|packet| !is_filler(packet)).count() as u64
}

fn is_in_gap(gaps: &[Gap], sample: SampleTime) -> bool {
    let after = gaps.partition_point(|gap| gap.start_sample <= sample);
    after > 0 && sample < gaps[after - 1].start_sample + gaps[after - 1].samples
}
