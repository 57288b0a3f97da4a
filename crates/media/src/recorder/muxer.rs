//! Puts packets where they belong, with fillers between them.

use std::time::Instant;

use bytes::Bytes;
use domain::manifest::{Anchor, Fit, Gap, GapCause, ManifestClock};

use super::annotations::Gaps;
use super::pages::Pages;
use super::timestamps::{Basis, Continuity, Place, Placement};
use super::{FirstPacket, RecorderConfig};
use crate::SAMPLE_RATE;
use crate::opus::{Filler, FillerKind, Toc, is_injected};
use crate::timeline::{Envelope, Point, fit};

/// Loss is concealed by the decoder up to 100 ms; beyond, it would only drone on.
const MAX_CONCEALED: u64 = 4800;

/// Packets that come this much too early for what is written, 60 ms, are dropped; smaller overlaps are written and
/// repaid by the next silence.
const MAX_OVERLAP: i64 = 2880;

/// After this many dropped in a row, half a second, the timestamps must be wrong: the file goes on where it is.
const MAX_DROPPED_RUN: u32 = 25;

/// A packet in its order, known to be Opus.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) timestamp: u32,
    pub(super) at: Instant,
    pub(super) payload: Bytes,
    pub(super) samples: u32,
    pub(super) continuity: Continuity,
    pub(super) lost_before: u64,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Written,
    /// The old connection had delivered it.
    Repeated,
    /// Its place is taken.
    Overlapping,
}

/// The file as it grows.
#[derive(Debug)]
pub(super) struct Assembly {
    config: RecorderConfig,
    pub(super) placement: Placement,
    pub(super) pages: Pages,
    envelope: Envelope,
    pub(super) gaps: Gaps,
    last_toc: Option<Toc>,
    /// Packets of the new connection may repeat those of the old one.
    may_repeat: bool,
    dropped_run: u32,
}

impl Assembly {
    pub(super) fn new(config: RecorderConfig) -> Self {
        Self {
            pages: Pages::new(config.serial),
            placement: Placement::default(),
            envelope: Envelope::default(),
            gaps: Gaps::default(),
            last_toc: None,
            may_repeat: false,
            dropped_run: 0,
            config,
        }
    }

    /// Samples that nothing was sent for before a packet; negative if it overlaps.
    pub(super) fn pause_before(&self, arrival: &Arrival) -> i64 {
        self.place(arrival).sample.saturating_sub(self.written())
    }

    /// Puts a packet at its place, unless that is taken.
    pub(super) fn write(&mut self, arrival: Arrival) -> Fate {
        let place = self.place(&arrival);
        self.may_repeat |= arrival.continuity == Continuity::Reconnected && place.basis == Basis::Timestamp;
        match self.judge(&arrival, place) {
            Fate::Written => self.append(arrival, place),
            dropped if self.dropped_run < MAX_DROPPED_RUN => {
                self.dropped_run += 1;
                self.placement.accept(arrival.timestamp, arrival.at, place.sample);
                return dropped;
            }
            Fate::Repeated | Fate::Overlapping => self.append(
                arrival,
                Place {
                    sample: self.written(),
                    ..place
                },
            ),
        }
        Fate::Written
    }

    pub(super) fn first_packet(&self) -> Option<FirstPacket> {
        self.placement.first_packet(self.config.wall)
    }

    /// How samples map to time; none before the first packet.
    pub(super) fn clock(&self, anchors: Vec<Anchor>) -> Option<ManifestClock> {
        let first = self.first_packet()?;
        let by_first_packet = Fit {
            a_ns: first.arrival_ns,
            b_ns: 1e9 / f64::from(SAMPLE_RATE),
        };
        Some(ManifestClock {
            first_rtp_timestamp: first.rtp_timestamp,
            first_arrival_ns: first.arrival_ns,
            fit: fit(self.envelope.points()).unwrap_or(by_first_packet),
            anchors,
        })
    }

    fn place(&self, arrival: &Arrival) -> Place {
        self.placement
            .place(arrival.timestamp, arrival.at, arrival.continuity, self.written())
    }

    fn judge(&self, arrival: &Arrival, place: Place) -> Fate {
        let overlap = self.written().saturating_sub(place.sample);
        if self.may_repeat && overlap >= i64::from(arrival.samples / 2) {
            Fate::Repeated
        } else if overlap > MAX_OVERLAP {
            Fate::Overlapping
        } else {
            Fate::Written
        }
    }

    fn append(&mut self, arrival: Arrival, place: Place) {
        if self.pages.planned() == 0 {
            self.pages.begin(&self.config);
        }
        self.placement.accept(arrival.timestamp, arrival.at, place.sample);
        self.fill_up_to(&arrival, place);
        self.note_delay(&arrival, place);
        self.may_repeat = false;
        self.dropped_run = 0;
        self.last_toc = arrival.payload.first().map(|&toc| Toc(toc));
        self.pages.packet(arrival.payload, arrival.samples);
    }

    fn fill_up_to(&mut self, arrival: &Arrival, place: Place) {
        let missing = u64::try_from(place.sample.saturating_sub(self.written())).unwrap_or(0);
        if missing < Filler::GRAIN {
            return;
        }
        let cause = gap_cause(arrival, place.basis);
        let start_sample = self.pages.planned();
        let samples = self.pages.fill(Filler::new(self.filler_kind(cause, missing), missing));
        self.gaps.add(Gap {
            start_sample,
            samples,
            cause,
            lost_packets: arrival.lost_before,
        });
    }

    fn filler_kind(&self, cause: GapCause, missing: u64) -> FillerKind {
        match (cause, self.last_toc) {
            (GapCause::Loss, Some(toc)) if missing <= MAX_CONCEALED => FillerKind::Concealment(toc),
            _ => FillerKind::Silence,
        }
    }

    /// Remembers when the last sample of the packet had arrived. The server's frames run ahead of the publisher's and
    /// would falsify the line.
    fn note_delay(&mut self, arrival: &Arrival, place: Place) {
        if !is_injected(&arrival.payload) {
            let sample = place.sample.saturating_add(i64::from(arrival.samples));
            self.envelope.add(Point {
                sample,
                arrival_ns: self.config.wall.ns_at(arrival.at),
            });
        }
    }

    fn written(&self) -> i64 {
        i64::try_from(self.pages.planned()).unwrap_or(i64::MAX)
    }
}

fn gap_cause(arrival: &Arrival, basis: Basis) -> GapCause {
    match (arrival.continuity, basis) {
        (Continuity::Reconnected, _) => GapCause::ConnectionLost,
        (_, Basis::Arrival) => GapCause::TimestampJump,
        (_, Basis::Timestamp) if arrival.lost_before > 0 => GapCause::Loss,
        (_, Basis::Timestamp) => GapCause::Silence,
    }
}
