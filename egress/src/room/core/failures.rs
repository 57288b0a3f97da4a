//! What the feeds learn about connections that do not come up, and about the end of the room.

use super::{Effect, LinkId, RoomCore};
use crate::{
    failure::Failure,
    room::feed::{FeedEnd, FeedEvent},
};

impl RoomCore {
    /// A connection does not come up, for this reason. Reported once per reason.
    pub fn trouble(&mut self, link: LinkId, failure: &Failure) {
        let Some(state) = self.links.get_mut(&link) else { return };
        if state.trouble.as_ref() == Some(failure) {
            return;
        }
        state.trouble = Some(failure.clone());
        for track in self.tracks.values_mut() {
            if track.carrier.is_none_or(|carrier| carrier == link) {
                track.send(|| FeedEvent::Trouble(failure.clone()));
            }
        }
    }

    /// livekit-server refuses us, which says nothing about the room. Only new recordings end; the others wait until it
    /// accepts us again.
    pub fn refuse(&mut self, link: LinkId, failure: &Failure) {
        if !self.has_joined {
            let feeds = self.tracks.values_mut().flat_map(|track| &mut track.feeds);
            for feed in feeds.filter(|feed| !feed.is_continued) {
                feed.events.send(FeedEvent::Ended(FeedEnd::Refused(failure.clone())));
            }
        }
        self.trouble(link, failure);
    }

    /// The room is gone: ends every feed, and forgets everything. `never_joined` is the end of feeds whose room was
    /// never found.
    pub fn end(&mut self, never_joined: &FeedEnd) {
        for track in self.tracks.values_mut() {
            for feed in &mut track.feeds {
                let was_found = feed.is_joined || feed.is_continued || self.has_joined;
                let end = if was_found {
                    &FeedEnd::SourceClosed
                } else {
                    never_joined
                };
                feed.events.send(FeedEvent::Ended(end.clone()));
            }
        }
        let links = std::mem::take(&mut self.links);
        self.effects.extend(links.into_keys().map(Effect::Close));
        self.tracks.clear();
    }
}
