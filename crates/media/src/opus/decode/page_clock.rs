//! Where pages lie in a recording, by their granule positions.

use crate::SAMPLE_RATE;
use crate::ogg::PacketPage;

/// A granule position that jumps by more, 24 h, is damaged itself.
const MAX_JUMP: u64 = 24 * 3600 * SAMPLE_RATE as u64;

/// Where the pages lie, in samples at 48 kHz as granule positions count.
#[derive(Debug, Default)]
pub(super) struct PageClock {
    /// Position of the first sample; not 0 in a stream that was joined late.
    origin: Option<u64>,
    /// End of what was queued.
    end: u64,
    /// Where the last page says that the stream ends.
    cut: Option<u64>,
}

impl PageClock {
    /// Takes a page whose packets play for `samples`; gives the samples that are missing before it.
    pub(super) fn advance(&mut self, page: &PacketPage, samples: u64) -> u64 {
        let start = page.granule.map(|granule| granule.saturating_sub(samples));
        if self.origin.is_none() {
            // pages that were lost before the first one lie within the recording, a late start does not
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

    /// Samples from the first to the end, if that is known.
    pub(super) fn cut_after_origin(&self) -> Option<u64> {
        Some(self.cut?.saturating_sub(self.origin?))
    }
}
