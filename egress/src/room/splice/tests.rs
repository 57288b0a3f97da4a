//! Two connections that deliver the same track.

use std::time::SystemTime;

use super::*;

/// Packet `n` of a track, as a connection with this SSRC delivers it, whose numbers are `ahead` of the publisher's.
fn packet(ssrc: u32, n: u32, ahead: u32) -> RtpPacket {
    RtpPacket {
        ssrc: Ssrc(ssrc),
        seq_no: SeqNo(u64::from(n + ahead)),
        timestamp: n * 960 + ahead * 7,
        marker: false,
        arrival: Instant::now(),
        payload: vec![n.to_le_bytes()[0]; 40].into(),
    }
}

fn outline(packets: impl IntoIterator<Item = RtpPacket>) -> Vec<(u32, u64, u32)> {
    let outline = |packet: RtpPacket| (packet.ssrc.0, packet.seq_no.0, packet.timestamp / 960);
    packets.into_iter().map(outline).collect()
}

/// A stream of packets 0 to 9 that one connection has delivered while another one was being opened.
fn splice() -> Splice {
    let mut splice = Splice::default();
    splice.compare();
    for n in 0..10 {
        splice.carry(packet(1, n, 0));
    }
    splice
}

#[test]
fn the_candidate_continues_the_numbers_of_the_carrier() {
    let mut splice = splice();

    let first = splice.offer(packet(2, 9, 500)).unwrap();
    let second = splice.carry(packet(2, 10, 500));

    assert!(first.is_empty(), "the stream has it");
    assert_eq!(outline(second), [(1, 10, 10)]);
}

#[test]
fn what_one_connection_lacks_is_taken_from_the_other_and_what_comes_twice_is_dropped() {
    let mut splice = splice();
    // The candidate is ahead: its socket was read first.
    let early = [12, 13].map(|n| splice.offer(packet(2, n, 500)));
    splice.carry(packet(1, 10, 0));
    splice.carry(packet(1, 12, 0));

    let spliced = splice.offer(packet(2, 14, 500)).unwrap();
    let late = [11, 12, 13, 15].map(|n| splice.carry_late(packet(1, n, 0)));
    let again = splice.carry(packet(2, 15, 500));

    assert!(early.iter().all(Option::is_none));
    assert_eq!(outline(spliced), [(1, 13, 13), (1, 14, 14)]);
    assert_eq!(outline(late.into_iter().flatten()), [(1, 11, 11), (1, 15, 15)]);
    assert_eq!(outline(again), []);
}

#[test]
fn a_third_connection_continues_the_numbers_of_the_first() {
    let mut splice = splice();
    splice.offer(packet(2, 9, 500));
    splice.rest();
    splice.compare();
    splice.carry(packet(2, 10, 500));

    splice.offer(packet(3, 10, 70_000));

    assert_eq!(outline(splice.carry(packet(3, 11, 70_000))), [(1, 11, 11)]);
}

#[test]
fn frames_of_silence_are_compared_by_their_timestamps() {
    let silence = |ssrc, n, ahead| RtpPacket {
        payload: vec![0xf8, 0xff, 0xfe].into(),
        ..packet(ssrc, n, ahead)
    };
    let mut splice = Splice::default();
    splice.compare();
    for n in 0..10 {
        splice.carry(silence(1, n, 0));
    }

    let shifted = splice.offer(silence(2, 9, 500));
    let same = splice.offer(RtpPacket {
        timestamp: 9 * 960,
        ..silence(2, 9, 500)
    });

    assert!(shifted.is_none());
    assert!(same.is_some());
}

#[test]
fn a_candidate_that_delivers_something_else_waits_and_then_becomes_another_stream() {
    let mut splice = splice();
    let first = packet(2, 100, 0);
    let begun = first.arrival;

    let offered = splice.offer(first);
    let overdue = [0, 399, 400].map(|ms| splice.is_overdue(begun + Duration::from_millis(ms)));
    let broken_off = splice.break_off();

    assert!(offered.is_none());
    assert_eq!(overdue, [false, false, true]);
    assert_eq!(outline(broken_off), [(2, 100, 100)]);
    assert_eq!(outline(splice.carry(packet(2, 101, 0))), [(2, 101, 101)]);
}

#[test]
fn a_stream_that_was_silent_is_continued_without_a_lost_packet() {
    let mut splice = splice();
    splice.continue_in_silence();

    let next = splice.carry(packet(2, 5000, 0));

    assert_eq!(outline(next), [(1, 10, 5000)]);
}

#[test]
fn a_silence_that_ends_while_both_connections_deliver_repeats_nothing() {
    for old_is_first in [true, false] {
        let mut splice = splice();
        splice.continue_in_silence();

        // The old one did not count the time of the silence.
        let old = |n: u32| RtpPacket {
            seq_no: SeqNo(u64::from(n - 90)),
            ..packet(1, n, 0)
        };

        let mut stream = Vec::new();
        for n in 100..110 {
            if old_is_first {
                stream.extend(splice.carry_late(old(n)));
            }
            stream.extend(splice.carry(packet(2, n, 500)));
            stream.extend(splice.carry_late(old(n)));
        }

        let numbers: Vec<_> = stream.iter().map(|packet| packet.payload[0]).collect();
        assert_eq!(numbers, (100..110).collect::<Vec<u8>>(), "{old_is_first}");
    }
}

#[test]
fn two_silent_connections_in_a_row_repeat_nothing() {
    let mut splice = splice();
    splice.continue_in_silence();
    splice.continue_in_silence();

    let mut stream = Vec::new();
    for n in 100..110 {
        stream.extend(splice.carry_late(packet(2, n, 70)));
        stream.extend(splice.carry(packet(3, n, 500)));
    }

    let outline = outline(stream);
    assert_eq!((outline.len(), outline[0].0, outline[9].1), (10, 1, 19));
}

#[test]
fn sender_reports_are_shifted_like_packets() {
    let mut splice = splice();
    splice.offer(packet(2, 9, 500));
    let report = |ssrc, rtp_timestamp| SenderReport {
        ssrc: Ssrc(ssrc),
        rtp_timestamp,
        publisher_time: SystemTime::UNIX_EPOCH,
        arrival: Instant::now(),
    };

    let ours = splice.report(report(2, 960 + 3500));
    let unknown = splice.report(report(9, 1));

    assert_eq!((ours.ssrc, ours.rtp_timestamp), (Ssrc(1), 960));
    assert_eq!((unknown.ssrc, unknown.rtp_timestamp), (Ssrc(9), 1));
}

#[test]
fn numbers_that_wrap_and_changes_of_the_ssrc_are_handled() {
    let mut splice = Splice::default();
    splice.compare();
    let highest = RtpPacket {
        seq_no: SeqNo(u64::MAX),
        timestamp: u32::MAX,
        ..packet(1, 7, 0)
    };
    splice.carry(highest);

    let spliced = splice.offer(packet(2, 7, 0));
    let wrapped = splice.carry(packet(2, 8, 0));
    let other_source = splice.carry(packet(3, 1, 0));

    assert!(spliced.is_some());
    assert_eq!(outline(wrapped), [(1, 0, 0)]);
    assert_eq!(outline(other_source), [(3, 1, 1)]);
}

#[test]
fn memory_is_bounded() {
    let mut splice = splice();

    for n in 0..400 {
        splice.carry(packet(1, n, 0));
        splice.offer(RtpPacket {
            payload: vec![1].into(),
            ..packet(2, n, 3)
        });
    }

    assert!(splice.recent.len() <= REMEMBERED && splice.pending.len() <= MAX_PENDING);
}
