//! What a recorder heard of its track.

use serde::{Deserialize, Serialize};

use crate::UnixNanos;
use crate::interval::{Interval, IntervalSet};
use crate::manifest::{GapCause, Listened};

/// What a recorder heard of its track, in wall time by the recorder's clock. The publisher's silence counts as heard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// When the recorder was connected to the track, in order.
    pub listened: Vec<Listened>,
    /// What it missed from the start of the first to the end of the last of these, in order.
    pub holes: Vec<Hole>,
}

/// A stretch that a recorder missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Start.
    pub from_ns: UnixNanos,
    /// End.
    pub to_ns: UnixNanos,
    /// Why.
    pub cause: GapCause,
}

impl Coverage {
    /// Returns the moments that the recorder heard.
    pub fn heard(&self) -> IntervalSet {
        let listened: IntervalSet = self.listened.iter().copied().map(Interval::from).collect();
        let holes = self.holes.iter().copied().map(Interval::from).collect();
        listened.difference(&holes)
    }
}

impl From<Hole> for Interval {
    fn from(hole: Hole) -> Self {
        Self::new(hole.from_ns, hole.to_ns)
    }
}
