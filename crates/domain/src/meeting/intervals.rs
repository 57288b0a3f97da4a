//! Times that follow from other times, whatever the order in which we heard of them.

use chrono::{DateTime, Utc};

use super::Meeting;
use crate::recording::{Acceptance, Recording};

impl Meeting {
    /// Sets the start to the platform room's creation. What was placed on the meeting's clock moves along.
    pub(super) fn start_at(&mut self, created_at: DateTime<Utc>) {
        self.head.started_at = created_at;
        for acceptance in self
            .recordings
            .iter_mut()
            .filter_map(|r: &mut Recording| r.acceptance.as_mut())
        {
            acceptance.offset_ms = Acceptance::offset_ms(acceptance.fit, created_at);
        }
    }

    /// Ends what the meeting's end, or a later (re)start of the platform (`starts`), has ended.
    pub(super) fn bound_times(&mut self, starts: &[DateTime<Utc>]) {
        let closed = self.head.ended_at();
        let bound = |begin: DateTime<Utc>, end: Option<DateTime<Utc>>| {
            let restart = starts.iter().copied().filter(|start| *start > begin).min();
            [end, restart, closed.map(|at| at.max(begin))]
                .into_iter()
                .flatten()
                .min()
        };
        for connection in &mut self.connections {
            connection.left_at = bound(connection.joined_at, connection.left_at);
        }
        for track in &mut self.tracks {
            track.unpublished_at = bound(track.published_at, track.unpublished_at);
        }
    }
}

/// The earlier of a time that may be known and one that is reported.
pub(super) fn earlier(known: Option<DateTime<Utc>>, reported: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Some(known.map_or(reported, |known| known.min(reported)))
}
