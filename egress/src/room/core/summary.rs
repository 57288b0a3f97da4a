//! What others want to know about a room.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use domain::PlatformCaptureId as EgressId;

use super::{LinkId, RoomCore};

/// Tracks that should send and do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    pub tracks: usize,
    /// Since the last packet of the track that has been silent for longest.
    pub longest: Duration,
}

impl RoomCore {
    pub fn silence(&self, now: Instant) -> Silence {
        let silences = self.tracks.values().filter(|track| track.health.is_silent(now));
        silences.fold(Silence::default(), |sum, track| Silence {
            tracks: sum.tracks + 1,
            longest: sum.longest.max(track.health.silence(now).unwrap_or_default()),
        })
    }

    /// The egress ids that each connection announces: those of the tracks that it carries, the first one also those of
    /// tracks that are not subscribed to.
    pub fn announcements(&self) -> HashMap<LinkId, BTreeSet<EgressId>> {
        let mut announced: HashMap<LinkId, BTreeSet<EgressId>> = HashMap::new();
        let first = self.links.keys().next().copied();
        for track in self.tracks.values() {
            for link in track.carrier.or(first).into_iter().chain(track.candidate) {
                let ids = track.feeds.iter().map(|feed| feed.egress_id.clone());
                announced.entry(link).or_default().extend(ids);
            }
        }
        announced
    }
}
