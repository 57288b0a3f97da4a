//! What a recorder tells its successor, beyond what the pages hold.

use domain::manifest::{Anchor, Gap, GapCause, Mute, PacketCounts};
use domain::{SampleTime, UnixNanos};
use serde::{Deserialize, Serialize};

use crate::timeline::Point;

/// What changed since the entry before. The entries of a file, in order, are all that
/// [`TrackRecorder::resume`](crate::TrackRecorder::resume) needs besides the file's end.
///
/// Every field may be absent, so entries of older versions stay readable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JournalEntry {
    /// Wall time up to which the recorder has listened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listened_until_ns: Option<UnixNanos>,
    /// Length of the recording, including what is not on a page. All gaps up to here are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<SampleTime>,
    /// The packet at sample 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<JournalPacket>,
    /// The latest packet; positions continue from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<JournalPacket>,
    /// Arrivals for the clock fit that are new, or less delayed than the one of the same interval before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
    /// Gaps that were filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaps: Option<ListChange<Gap>>,
    /// Muted intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutes: Option<ListChange<Mute>>,
    /// Sender reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchors: Option<ListChange<Anchor>>,
    /// Intervals without a recorder that are not filled yet: the whole list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holes: Option<Vec<Hole>>,
    /// What happened to the packets so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<PacketCounts>,
}

/// A packet's timestamp, arrival and position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPacket {
    /// RTP timestamp, 48 kHz.
    pub rtp_timestamp: u32,
    /// Wall time of its arrival.
    pub arrival_ns: UnixNanos,
    /// Its position in the file.
    pub sample: SampleTime,
}

/// The end of a list: the items from index `from` on are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListChange<T> {
    /// How many items stay.
    pub from: usize,
    /// The items after them.
    pub items: Vec<T>,
}

/// An interval whose packets were not heard, or did not get into the file. It becomes a gap with this cause where no
/// packet fills it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Where it starts.
    pub start_sample: SampleTime,
    /// Where it ends; absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_sample: Option<SampleTime>,
    /// Why nothing was heard.
    pub cause: GapCause,
}
