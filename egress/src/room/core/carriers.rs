//! Which connection carries a track: requests it there, and tries another one if it delivers nothing.

use std::time::Instant;

use rtc::TrackSid;

use super::{Effect, LinkId, LinkState, RoomCore};
use crate::{failure::Failure, room::feed::FeedEvent};

/// Tracks of one connection: the size of a session description grows with them, and so does what a failure affects.
const MAX_TRACKS_PER_LINK: usize = 128;

impl RoomCore {
    /// Tries another connection for a track, but none of `tried`. The carrier goes on until the other one delivers.
    pub(super) fn try_elsewhere(&mut self, now: Instant, sid: &TrackSid, tried: &[LinkId]) {
        let Some(track) = self.tracks.get_mut(sid) else { return };
        let failure = Failure::no_packets(sid);
        track.send(|| FeedEvent::Trouble(failure.clone()));
        let carrier = track.carrier;
        if let Some(old) = track.candidate.take() {
            self.release(old, sid);
        }
        tracing::warn!(track.sid = %sid, "no packets arrive although the track is unmuted; trying another connection");
        let link = self.link_with_room(|link| Some(link) != carrier && !tried.contains(&link));
        let link = link.unwrap_or_else(|| self.open_link());
        if let Some(track) = self.tracks.get_mut(sid) {
            track.candidate = Some(link);
        }
        self.request(now, link, sid);
    }

    /// Requests a track from the server if the connection lists it; if not, this is done as soon as it does.
    pub(super) fn request(&mut self, now: Instant, link: LinkId, sid: &TrackSid) {
        if self.links.get(&link).is_some_and(|state| state.listed.contains(sid)) {
            self.effects.push(Effect::Subscribe(link, sid.clone()));
            let track = self
                .tracks
                .get_mut(sid)
                .filter(|track| track.is_carried_by(link) && track.is_unmuted());
            track.into_iter().for_each(|track| track.health.expect(now));
        }
    }

    /// A track no longer uses the connection.
    pub(super) fn release(&mut self, link: LinkId, sid: &TrackSid) {
        self.effects.push(Effect::Unsubscribe(link, sid.clone()));
        self.close_if_unused(link);
    }

    /// One connection stays for as long as there are feeds: it tells which tracks are published.
    pub(super) fn close_if_unused(&mut self, link: LinkId) {
        let is_other_joined = self.links.iter().any(|(id, state)| *id != link && state.is_joined);
        if is_other_joined && self.used_by(link).is_empty() && self.links.remove(&link).is_some() {
            self.effects.push(Effect::Close(link));
        }
    }

    pub(super) fn used_by(&self, link: LinkId) -> Vec<TrackSid> {
        let used = self.tracks.iter().filter(|(_, track)| track.uses(link));
        used.map(|(sid, _)| sid.clone()).collect()
    }

    /// Returns the oldest connection that `accepts` and that can carry one more track.
    pub(super) fn link_with_room(&self, accepts: impl Fn(LinkId) -> bool) -> Option<LinkId> {
        let mut links = self.links.keys().copied().filter(|link| accepts(*link));
        links.find(|link| self.used_by(*link).len() < MAX_TRACKS_PER_LINK)
    }

    pub(super) fn open_link(&mut self) -> LinkId {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(link, LinkState::default());
        self.effects.push(Effect::Open(link));
        link
    }
}
