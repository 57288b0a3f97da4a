//! Where pages are in a recording, by their granule positions.

use crate::SAMPLE_RATE;
use crate::ogg::PacketPage;

/// A granule position that jumps by more, 24 h, is itself damaged.
const MAX_JUMP: u64 = 24 * 3600 * SAMPLE_RATE as u64;

/// Follows the granule positions, in samples at 48 kHz.
#[derive(Debug, Default)]
pub(super) struct PageClock {
    /// Granule position of the first sample; not 0 in a stream that was joined late.
    origin: Option<u64>,
    /// End of the pages so far.
    end: u64,
    /// Where the last page says that the stream ends.
    cut: Option<u64>,
}

impl PageClock {
    /// Takes a page whose packets play for `samples`, and returns how many samples are missing before it.
    pub(super) fn advance(&mut self, page: &PacketPage, samples: u64) -> u64 {
        let start = page.granule.map(|granule| granule.saturating_sub(samples));
        if self.origin.is_none() {
            // pages lost before the first one belong to the recording; the time before a late start does not
            let origin = start.filter(|_| !page.follows_loss).unwrap_or(0);
            self.origin = Some(origin);
            self.end = origin;
        }
        let jump = start.unwrap_or(self.end).saturating_sub(self.end);
        let missing = if jump > MAX_JUMP { 0 } else { jump };
        self.end += missing + samples;
        if page.is_last {
            self.cut = page.granule;
        }
        missing
    }

    /// Returns the samples from the first to the end, if the end is known.
    pub(super) fn cut_after_origin(&self) -> Option<u64> {
        Some(self.cut?.saturating_sub(self.origin?))
    }
}
