//! A publisher and its recorder in simulated time, and the finished file.

use std::io::Cursor;
use std::time::{Duration, Instant};

use bytes::Bytes;

use domain::{SampleTime, UnixNanos};

use crate::WallClock;
use crate::ogg::recover;
use crate::opus::{PacketStream, packet_samples};
use crate::recorder::{JournalEntry, MuteState, Output, RecorderConfig, Summary, TrackRecorder};
use crate::rtp::{RtpPacket, SenderReport, SeqNo, Ssrc};

/// Wall time at the start of every scenario.
pub const START: UnixNanos = UnixNanos(1_800_000_000_000_000_000);

pub const FRAME_MS: u64 = 20;
const FRAME_SAMPLES: u32 = 960;

/// One publisher and its recorder. Sequence number and timestamp advance with each packet.
pub struct Scenario {
    pub start: Instant,
    pub wall: WallClock,
    pub recorder: TrackRecorder,
    pub now_ms: u64,
    pub ssrc: u32,
    pub seq_no: u64,
    pub timestamp: u32,
    /// Number of the next packet, which is also its content.
    pub number: u32,
    /// Numbers of the packets of speech, and when they were sent.
    pub sent: Vec<(u32, u64)>,
    pub pages: Vec<Page>,
    pub summary: Option<Summary>,
}

/// A page and when the recorder returned it.
pub struct Page {
    pub at_ms: u64,
    pub bytes: Bytes,
}

/// A finished file.
pub struct Recording {
    pub summary: Summary,
    pub file: Vec<u8>,
    /// Position and content of every packet.
    pub packets: Vec<(u64, Bytes)>,
}

impl Scenario {
    pub fn new() -> Self {
        Self::with_config(|_| {})
    }

    pub fn with_config(change: impl FnOnce(&mut RecorderConfig)) -> Self {
        let start = Instant::now();
        let wall = WallClock {
            instant: start,
            unix_nanos: START,
        };
        let mut config = RecorderConfig::new(7, wall);
        change(&mut config);
        Self {
            start,
            wall,
            recorder: TrackRecorder::new(config),
            now_ms: 0,
            ssrc: 1,
            seq_no: 1000,
            timestamp: 50_000,
            number: 0,
            sent: Vec::new(),
            pages: Vec::new(),
            summary: None,
        }
    }

    /// Lets time pass, and calls the recorder at its deadlines.
    pub fn pass(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while let Some(deadline_ms) = self.drain().filter(|&deadline| deadline <= until_ms) {
            self.now_ms = self.now_ms.max(deadline_ms);
            self.recorder.handle_timeout(self.now());
        }
        self.now_ms = until_ms;
    }

    /// Takes all output and returns the next deadline in milliseconds.
    pub fn drain(&mut self) -> Option<u64> {
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

    pub fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    /// Sends a packet of speech every 20 ms; each arrives at once.
    pub fn send_speech(&mut self, packets: u32) {
        for _ in 0..packets {
            self.sent.push((self.number, self.now_ms));
            self.send(speech(self.number));
            self.number += 1;
            self.pass(FRAME_MS);
        }
    }

    /// Sends a packet with the next sequence number and timestamp.
    pub fn send(&mut self, payload: Bytes) {
        let samples = packet_samples(&payload).unwrap_or(FRAME_SAMPLES);
        self.receive(self.seq_no, self.timestamp, payload);
        self.seq_no += 1;
        self.timestamp = self.timestamp.wrapping_add(samples);
    }

    /// Lets any packet arrive now.
    pub fn receive(&mut self, seq_no: u64, timestamp: u32, payload: Bytes) {
        let arrival = self.now();
        self.recorder.handle_packet(RtpPacket {
            ssrc: Ssrc(self.ssrc),
            seq_no: SeqNo(seq_no),
            timestamp,
            arrival,
            payload,
        });
        self.drain();
    }

    /// Lets time pass without packets; the timestamps advance.
    pub fn silence(&mut self, ms: u64) {
        self.advance_timestamp(ms);
        self.pass(ms);
    }

    fn advance_timestamp(&mut self, ms: u64) {
        self.timestamp = self.timestamp.wrapping_add((ms * 48) as u32);
    }

    /// Loses packets of speech on the way.
    pub fn lose(&mut self, packets: u32) {
        self.seq_no += u64::from(packets);
        self.number += packets;
        self.silence(u64::from(packets) * FRAME_MS);
    }

    /// Sends silence injected by the server.
    pub fn inject(&mut self, frames: u32) {
        for _ in 0..frames {
            self.send(injected());
            self.pass(FRAME_MS);
        }
    }

    pub fn mute(&mut self, state: MuteState) {
        self.recorder.handle_mute(self.now(), state);
        self.drain();
    }

    pub fn reconnect(&mut self, ssrc: u32, seq_no: u64) {
        self.recorder.handle_reconnect(self.now());
        self.drain();
        self.ssrc = ssrc;
        self.seq_no = seq_no;
    }

    pub fn report(&mut self, ssrc: u32, rtp_timestamp: u32, publisher_time: i64) {
        let arrival = self.now();
        self.recorder.handle_sender_report(SenderReport {
            ssrc: Ssrc(ssrc),
            rtp_timestamp,
            publisher_time: UnixNanos(publisher_time),
            arrival,
        });
    }

    /// Another recorder continues `file` after `down_ms`, with a new connection.
    pub fn restart(&mut self, file: Vec<u8>, journal: Vec<JournalEntry>, down_ms: u64) {
        let tail = recover(Cursor::new(&file)).unwrap();
        let kept = file[..tail.valid_bytes as usize].to_vec();
        self.now_ms += down_ms;
        self.timestamp = self.timestamp.wrapping_add(down_ms as u32 * 48);
        let config = RecorderConfig::new(8, self.wall);
        self.recorder = TrackRecorder::resume(config, journal, tail);
        self.pages = vec![Page {
            at_ms: self.now_ms,
            bytes: kept.into(),
        }];
        self.ssrc += 1;
        self.seq_no = 7;
    }

    /// The connection is made.
    pub fn joined(&mut self) {
        self.recorder.handle_reconnect(self.now());
        self.drain();
    }

    /// Steps the clock that later recorders read.
    pub fn shift_clock(&mut self, seconds: i64) {
        self.wall.unix_nanos = self.wall.unix_nanos.saturating_add(seconds * 1_000_000_000);
    }

    pub fn file(&self) -> Vec<u8> {
        self.pages.iter().flat_map(|page| page.bytes.iter().copied()).collect()
    }

    pub fn finish(mut self) -> Recording {
        self.recorder.finish(self.now());
        self.drain();
        let summary = self.summary.take().expect("a finished recorder is done");
        Recording::read(self.file(), summary)
    }
}

impl Recording {
    fn read(file: Vec<u8>, summary: Summary) -> Self {
        let packets = if summary.samples == SampleTime::ZERO {
            Vec::new()
        } else {
            positions(&file)
        };
        let end = packets.last().map_or(0, |(position, packet)| {
            position + u64::from(packet_samples(packet).unwrap())
        });
        assert_eq!(
            SampleTime::from_samples(end),
            summary.samples,
            "the summary has the file's length"
        );
        Self { summary, file, packets }
    }

    /// Returns the numbers of the publisher's packets with their positions in milliseconds.
    pub fn speech(&self) -> Vec<(u32, u64)> {
        let number = |(position, packet): &(u64, Bytes)| Some((speech_number(packet)?, position / 48));
        self.packets.iter().filter_map(number).collect()
    }

    /// Returns the fillers between `from` and `to` milliseconds.
    pub fn fillers(&self, from: u64, to: u64) -> Vec<Bytes> {
        let within = |position: &u64| (from * 48..to * 48).contains(position);
        self.packets
            .iter()
            .filter(|(at, packet)| within(at) && packet.len() <= 3)
            .map(|(_, p)| p.clone())
            .collect()
    }

    pub fn ms(&self) -> u64 {
        self.summary.samples.samples() / 48
    }
}

/// Returns position and content of every packet of a whole file.
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
        "the last granule position is the length of the packets"
    );
    packets
}

/// Reads the file with another library.
fn last_granule(file: &[u8]) -> u64 {
    let mut reader = ogg::PacketReader::new(Cursor::new(file));
    let packets: Vec<_> = std::iter::from_fn(|| reader.read_packet().unwrap()).collect();
    assert!(ends_with_last_page(file), "the last page is marked as the last");
    packets.last().unwrap().absgp_page()
}

fn ends_with_last_page(file: &[u8]) -> bool {
    let last = file.windows(4).rposition(|bytes| bytes == b"OggS").unwrap();
    file[last + 5] & 4 != 0
}

/// Returns a packet of 20 ms that contains `number`.
pub fn speech(number: u32) -> Bytes {
    [&[0x78, b'#'][..], &number.to_be_bytes(), &[0xaa; 50]].concat().into()
}

fn speech_number(packet: &[u8]) -> Option<u32> {
    let digits = packet.strip_prefix(&[0x78, b'#'])?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*digits))
}

/// Returns a frame as injected by the server.
pub fn injected() -> Bytes {
    let mut frame = vec![0; 80];
    frame[..3].copy_from_slice(&[0xf8, 0xff, 0xfe]);
    frame.into()
}
