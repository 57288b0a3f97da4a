//! Start and end times derived from other times, whatever the order in which those become known.

use chrono::{DateTime, Utc};

use super::Meeting;

impl Meeting {
    /// Sets the start to the creation of the platform room, and moves accepted recordings accordingly.
    pub(super) fn set_start(&mut self, created_at: DateTime<Utc>) {
        self.head.started_at = created_at;
        for acceptance in self.recordings.iter_mut().filter_map(|r| r.acceptance.as_mut()) {
            acceptance.realign(created_at);
        }
    }

    /// Ends the connections and tracks that cannot have outlasted the meeting's end or a later (re)start of the platform
    /// room (`starts`).
    pub(super) fn end_intervals(&mut self, starts: &[DateTime<Utc>]) {
        let closed = self.head.ended_at();
        let earliest_end = |begin: DateTime<Utc>, end: Option<DateTime<Utc>>| {
            let restart = starts.iter().copied().filter(|start| *start > begin).min();
            [end, restart, closed.map(|at| at.max(begin))]
                .into_iter()
                .flatten()
                .min()
        };
        for connection in &mut self.connections {
            connection.left_at = earliest_end(connection.joined_at, connection.left_at);
        }
        for track in &mut self.tracks {
            track.unpublished_at = earliest_end(track.published_at, track.unpublished_at);
        }
    }
}

/// Returns the earlier of a known and a reported time.
pub(super) fn earlier(known: Option<DateTime<Utc>>, reported: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Some(known.map_or(reported, |known| known.min(reported)))
}
