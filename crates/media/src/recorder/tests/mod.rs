//! Made-up packets in made-up time; what comes out is read back packet by packet.

mod clock;
mod ends;
mod gaps;
mod hostile;
mod pages;
#[cfg(feature = "decode")]
mod sound;
mod sources;

use std::io::Cursor;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{MuteState, Output, RecorderConfig, Summary, TrackRecorder};
use crate::opus::{PacketStream, packet_samples};
use crate::rtp::{RtpPacket, SenderReport};
use crate::{SAMPLE_RATE, WallClock};

/// Wall time at which every studio opens.
const START_NS: i64 = 1_800_000_000_000_000_000;

const FRAME_MS: u64 = 20;
const FRAME_SAMPLES: u32 = 960;

/// One publisher and its recorder. The publisher's cursor moves with each packet.
struct Studio {
    start: Instant,
    recorder: TrackRecorder,
    now_ms: u64,
    ssrc: u32,
    seq_no: u64,
    timestamp: u32,
    /// Number of the next packet; also its content.
    number: u32,
    pages: Vec<Page>,
    summary: Option<Summary>,
}

/// A page and when it came out.
struct Page {
    at_ms: u64,
    bytes: Bytes,
}

/// A finished file.
struct Recording {
    summary: Summary,
    file: Vec<u8>,
    /// Position and content of every packet.
    packets: Vec<(u64, Bytes)>,
}

impl Studio {
    fn open() -> Self {
        Self::open_with(|_| {})
    }

    fn open_with(change: impl FnOnce(&mut RecorderConfig)) -> Self {
        let start = Instant::now();
        let mut config = RecorderConfig::new(
            7,
            WallClock {
                instant: start,
                wall_ns: START_NS,
            },
        );
        change(&mut config);
        Self {
            start,
            recorder: TrackRecorder::new(config),
            now_ms: 0,
            ssrc: 1,
            seq_no: 1000,
            timestamp: 50_000,
            number: 0,
            pages: Vec::new(),
            summary: None,
        }
    }

    /// Time passes, and the recorder's deadlines with it.
    fn pass(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while let Some(deadline_ms) = self.drain().filter(|&deadline| deadline <= until_ms) {
            self.now_ms = self.now_ms.max(deadline_ms);
            self.recorder.handle_timeout(self.now());
        }
        self.now_ms = until_ms;
    }

    /// Takes what is ready; gives the deadline.
    fn drain(&mut self) -> Option<u64> {
        loop {
            match self.recorder.poll_output() {
                Output::Page(bytes) => self.pages.push(Page {
                    at_ms: self.now_ms,
                    bytes,
                }),
                Output::Wait(until) => {
                    let nanos = until.duration_since(self.start).as_nanos();
                    return Some(nanos.div_ceil(1_000_000) as u64);
                }
                Output::Idle => return None,
                Output::Done(summary) => {
                    self.summary = Some(summary);
                    return None;
                }
            }
        }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    /// The publisher talks: a packet every 20 ms, each arriving at once.
    fn talk(&mut self, packets: u32) {
        for _ in 0..packets {
            self.send(speech(self.number));
            self.number += 1;
            self.pass(FRAME_MS);
        }
    }

    /// A packet at the cursor, which moves on.
    fn send(&mut self, payload: Bytes) {
        let samples = packet_samples(&payload).unwrap_or(FRAME_SAMPLES);
        self.arrive(self.seq_no, self.timestamp, payload);
        self.seq_no += 1;
        self.timestamp = self.timestamp.wrapping_add(samples);
    }

    /// Any packet, now.
    fn arrive(&mut self, seq_no: u64, timestamp: u32, payload: Bytes) {
        let arrival = self.now();
        self.recorder.handle_packet(RtpPacket {
            ssrc: self.ssrc,
            seq_no,
            timestamp,
            arrival,
            payload,
        });
        self.drain();
    }

    /// The publisher sends nothing, its timestamps go on.
    fn silence(&mut self, ms: u64) {
        self.skip_time(ms);
        self.pass(ms);
    }

    fn skip_time(&mut self, ms: u64) {
        self.timestamp = self.timestamp.wrapping_add((ms * 48) as u32);
    }

    /// Packets are sent, and lost on the way.
    fn lose(&mut self, packets: u32) {
        self.seq_no += u64::from(packets);
        self.number += packets;
        self.silence(u64::from(packets) * FRAME_MS);
    }

    /// The server's silence.
    fn inject(&mut self, frames: u32) {
        for _ in 0..frames {
            self.send(injected());
            self.pass(FRAME_MS);
        }
    }

    fn mute(&mut self, state: MuteState) {
        self.recorder.handle_mute(self.now(), state);
        self.drain();
    }

    fn reconnect(&mut self, ssrc: u32, seq_no: u64) {
        self.recorder.handle_reconnect(self.now());
        self.drain();
        self.ssrc = ssrc;
        self.seq_no = seq_no;
    }

    fn report(&mut self, ssrc: u32, rtp_timestamp: u32, publisher_ns: i64) {
        let arrival = self.now();
        self.recorder.handle_sender_report(SenderReport {
            ssrc,
            rtp_timestamp,
            publisher_ns,
            arrival,
        });
    }

    fn file(&self) -> Vec<u8> {
        self.pages.iter().flat_map(|page| page.bytes.iter().copied()).collect()
    }

    fn finish(mut self) -> Recording {
        self.recorder.finish(self.now());
        self.drain();
        let summary = self.summary.take().expect("a finished recorder is done");
        Recording::read(self.file(), summary)
    }
}

impl Recording {
    fn read(file: Vec<u8>, summary: Summary) -> Self {
        let packets = if summary.samples == 0 {
            Vec::new()
        } else {
            positions(&file)
        };
        let end = packets.last().map_or(0, |(position, packet)| {
            position + u64::from(packet_samples(packet).unwrap())
        });
        assert_eq!(end, summary.samples, "the summary tells the file's length");
        Self { summary, file, packets }
    }

    /// Numbers of the publisher's packets with their positions in milliseconds.
    fn heard(&self) -> Vec<(u32, u64)> {
        let number = |(position, packet): &(u64, Bytes)| Some((spoken_number(packet)?, position / 48));
        self.packets.iter().filter_map(number).collect()
    }

    /// Fillers between `from` and `to` milliseconds.
    fn fillers(&self, from: u64, to: u64) -> Vec<Bytes> {
        let within = |position: &u64| (from * 48..to * 48).contains(position);
        self.packets
            .iter()
            .filter(|(at, packet)| within(at) && packet.len() <= 3)
            .map(|(_, p)| p.clone())
            .collect()
    }

    fn ms(&self) -> u64 {
        self.summary.samples / 48
    }
}

/// Position and content of every packet of a whole file.
fn positions(file: &[u8]) -> Vec<(u64, Bytes)> {
    let mut stream = PacketStream::open(file).unwrap();
    let mut packets = Vec::new();
    let mut position = 0;
    while let Some(packet) = stream.next_packet().unwrap() {
        packets.push((position, packet.data));
        position += u64::from(packet.samples);
    }
    assert_eq!((stream.damage(), stream.malformed()), Default::default());
    assert_eq!(
        position,
        last_granule(file),
        "granule positions count what the packets play"
    );
    packets
}

/// By a reader that is not ours.
fn last_granule(file: &[u8]) -> u64 {
    let mut reader = ogg::PacketReader::new(Cursor::new(file));
    let packets: Vec<_> = std::iter::from_fn(|| reader.read_packet().unwrap()).collect();
    assert!(packets.last().unwrap().last_in_stream());
    packets.last().unwrap().absgp_page()
}

/// 20 ms that say `number`.
fn speech(number: u32) -> Bytes {
    [&[0x78, b'#'][..], &number.to_be_bytes(), &[0xaa; 50]].concat().into()
}

fn spoken_number(packet: &[u8]) -> Option<u32> {
    let digits = packet.strip_prefix(&[0x78, b'#'])?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*digits))
}

fn injected() -> Bytes {
    let mut frame = vec![0; 80];
    frame[..3].copy_from_slice(&[0xf8, 0xff, 0xfe]);
    frame.into()
}

fn seconds(samples: u64) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}
