//! What was imported, for the manifest.

use domain::manifest::{Fit, Gap, ManifestClock, PacketCounts};
use domain::{SampleTime, UnixNanos};

use super::{Damage, SourceCodec};
use crate::SAMPLE_RATE;

/// The file that was made, and what is known about its times.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportSummary {
    /// The codec of the source.
    pub codec: SourceCodec,
    /// Where sample 0 is, counted from the origin of the container's timestamps. Negative if the file begins with the delay
    /// of an encoder.
    pub start: SampleTime,
    /// Length of the file, silence included.
    pub samples: SampleTime,
    /// Intervals for which the source has no packets. They were filled with silence. Whether the participant was muted
    /// or packets were lost is not known.
    pub gaps: Vec<Gap>,
    /// What happened to the packets of the source.
    pub counts: PacketCounts,
    /// How far any position may be from what the container says, in nanoseconds: one tick of its timestamps, and the jitter
    /// that is not followed.
    pub uncertainty_ns: u64,
    /// Why the rest of the source could not be read; `None` if all of it was.
    pub damage: Option<Damage>,
}

impl ImportSummary {
    /// Returns how samples map to time if the container's timestamps count from `origin`.
    pub fn clock(&self, origin: UnixNanos) -> ManifestClock {
        let b_ns = 1e9 / f64::from(SAMPLE_RATE);
        let start_ns = (self.start.0 as f64 * b_ns).round() as i64;
        let a_ns = origin.saturating_add(start_ns);
        ManifestClock {
            first_rtp_timestamp: 0,
            first_arrival_ns: a_ns,
            fit: Fit { a_ns, b_ns },
            anchors: Vec::new(),
        }
    }
}
