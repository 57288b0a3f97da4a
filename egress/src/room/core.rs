//! Which connection carries which track of a room, and which feed gets which event. Pure: inputs and the time are
//! arguments, what is to be done on the connections is returned as [`Effect`]s.

mod carriers;
mod delivery;
mod failures;
mod standby;
mod summary;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use rtc::{TrackInfo, TrackSid, subscriber::RoomEvent};

use standby::Standbys;
pub(super) use summary::Silence;

use super::{
    convert,
    feed::{Attachment, FeedEnd, FeedEvent, FeedId},
    links::{Effect, LinkId},
    room_track::RoomTrack,
};
use crate::failure::Failure;

/// How long a track that a joined room does not list may take to come back: publishers return more slowly than we do.
const UNLISTED_GRACE: Duration = Duration::from_secs(10);

/// The tracks of a room, their feeds, and the connections that carry them.
#[derive(Debug, Default)]
pub(super) struct RoomCore {
    tracks: HashMap<TrackSid, RoomTrack>,
    links: BTreeMap<LinkId, LinkState>,
    next_link: u64,
    has_joined: bool,
    standbys: Standbys,
    effects: Vec<Effect>,
}

/// What the room knows about one connection.
#[derive(Debug, Default)]
struct LinkState {
    is_joined: bool,
    /// When its media connection came up.
    media_at: Option<Instant>,
    /// The tracks that the server has offered on it.
    offered: HashSet<TrackSid>,
    /// Since when signalling is lost while media may go on.
    interrupted_at: Option<Instant>,
    resumed_at: Option<Instant>,
    /// The tracks that the server lists on this connection; empty until it is joined.
    listed: HashSet<TrackSid>,
    /// What was reported last about a connection that does not come up.
    trouble: Option<Failure>,
}

impl RoomCore {
    /// Returns what to do on the connections.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether the room was joined before.
    pub fn has_joined(&self) -> bool {
        self.has_joined
    }

    /// Whether no feed is attached.
    pub fn is_idle(&self) -> bool {
        self.tracks.values().all(|track| track.feeds.is_empty())
    }

    pub fn attach(&mut self, now: Instant, feed: Attachment) {
        let is_joined = self.links.values().any(|link| link.is_joined);
        let sid = TrackSid::from(feed.track_sid.as_str());
        let track = self.tracks.entry(sid).or_default();
        track.attach(feed, is_joined);
        if is_joined && track.info.is_none() && track.was_published() {
            track.missing_since.get_or_insert(now);
        }
        if self.links.is_empty() {
            self.open_link();
        }
    }

    /// Removes a feed. The last one of a track ends its subscription.
    pub fn detach(&mut self, id: FeedId) {
        let mut tracks = self.tracks.iter_mut();
        let detached = tracks.find_map(|(sid, track)| track.detach(id).then(|| (sid.clone(), track)));
        let Some((sid, track)) = detached.filter(|(_, track)| track.feeds.is_empty()) else {
            return;
        };
        let unused = track.stop();
        if track.info.is_none() {
            self.tracks.remove(&sid);
        }
        for link in unused.into_iter().flatten() {
            self.release(link, &sid);
        }
    }

    /// Subscribes to a track that is published.
    pub fn subscribe(&mut self, now: Instant, sid: &str) {
        let link = self.healthy_link().or_else(|| self.link_with_room(|_| true));
        let Some((sid, track)) = self.tracks.get_key_value(sid) else {
            return;
        };
        if track.carrier.is_some() {
            return;
        }
        let sid = sid.clone();
        let link = link.unwrap_or_else(|| self.open_link());
        if let Some(track) = self.tracks.get_mut(&sid) {
            track.carrier = Some(link);
        }
        self.request(now, link, &sid);
        self.provide_standby(now);
    }

    /// Handles an event of a connection, other than its end.
    pub fn handle_event(&mut self, now: Instant, link: LinkId, event: RoomEvent) {
        match event {
            RoomEvent::TrackPublished(track) | RoomEvent::TrackChanged(track) => self.published(now, link, &track),
            RoomEvent::TrackMuted { sid, muted } => self.muted(now, &sid, muted),
            RoomEvent::TrackUnpublished { sid } => self.unpublished(link, &sid),
            RoomEvent::Joined => self.joined(now, link),
            RoomEvent::Packet { sid, packet } => self.handle_packet(link, &sid, packet),
            RoomEvent::SenderReport { sid, report } => {
                if let Some(track) = self.tracks.get_mut(&sid).filter(|track| track.is_carried_by(link)) {
                    track.health.handle_report(now);
                    let report = convert::sender_report(&track.splice.report(report));
                    track.send(|| FeedEvent::SenderReport(report));
                }
            }
            RoomEvent::SubscriptionFailed { sid, error } => self.refused(now, link, &sid, error),
            RoomEvent::TrackSubscribed { sid } => self.offered(now, link, sid),
            RoomEvent::MediaConnected => self.media_connected(now, link),
            RoomEvent::Reconnecting => self.interrupted(now, link),
            RoomEvent::Resumed => self.resumed(now, link),
            // The rest is reported where the connection is run.
            _ => {}
        }
    }

    /// Packets of a connection were dropped. Of which tracks is not known; one that lacks none has no gap there.
    pub fn dropped(&mut self, link: LinkId, arrivals: RangeInclusive<Instant>) {
        let carried = self.tracks.values_mut().filter(|track| track.is_carried_by(link));
        carried.for_each(|track| track.send(|| FeedEvent::Dropped(arrivals.clone())));
    }

    /// A connection is lost since `at`; it will be joined again. Its tracks go on over their candidates, if they have
    /// any.
    pub fn lost(&mut self, now: Instant, link: LinkId, at: Instant) {
        if let Some(state) = self.links.get_mut(&link) {
            *state = LinkState {
                trouble: state.trouble.take(),
                ..LinkState::default()
            };
        }
        let used: Vec<_> = self.used_by(link);
        for sid in used {
            let Some(track) = self.tracks.get_mut(&sid) else {
                continue;
            };
            if !track.is_carried_by(link) {
                track.forget(link);
                continue;
            }
            let candidate = track
                .candidate
                .filter(|candidate| self.links.get(candidate).is_some_and(|l| l.is_joined));
            if candidate.is_some() {
                self.promote(now, &sid);
            } else {
                track.health.rest();
                track.is_lost = true;
                track.send(|| FeedEvent::Lost(at));
            }
        }
        // No answer of the server any more that lacks these tracks.
        self.tracks.values_mut().for_each(|track| track.missing_since = None);
        self.close_if_unused(link);
    }

    /// Ends tracks that did not come back, and tries another connection for silent ones. To be called once a second.
    pub fn handle_timeout(&mut self, now: Instant) {
        for track in self.tracks.values_mut() {
            let is_over = |since: Instant| now.saturating_duration_since(since) >= UNLISTED_GRACE;
            if track.missing_since.is_some_and(is_over) {
                track.end(&FeedEnd::SourceClosed);
            }
        }
        self.tracks
            .retain(|_, track| track.info.is_some() || !track.feeds.is_empty());
        let due = self.tracks.iter_mut().filter_map(|(sid, track)| {
            let is_due = !track.has_fresh_standby(now) && track.health.is_attempt_due(now);
            is_due.then(|| (sid.clone(), track.candidate))
        });
        let (silent, tried): (Vec<_>, Vec<_>) = due.unzip();
        let tried: Vec<_> = tried.into_iter().flatten().collect();
        for sid in &silent {
            self.try_elsewhere(now, sid, &tried);
        }
        self.tend_standbys(now);
    }

    fn published(&mut self, now: Instant, link: LinkId, info: &TrackInfo) {
        if let Some(state) = self.links.get_mut(&link) {
            state.listed.insert(info.sid.clone());
        }
        let track = self.tracks.entry(info.sid.clone()).or_default();
        track.published(info);
        if track.uses(link) {
            self.request(now, link, &info.sid);
        }
    }

    fn muted(&mut self, now: Instant, sid: &TrackSid, muted: bool) {
        let Some(track) = self.tracks.get_mut(sid) else { return };
        track.muted(muted);
        let carrier = track.carrier;
        if muted {
            track.health.rest();
        } else if self
            .links
            .iter()
            .any(|(id, link)| Some(*id) == carrier && link.is_joined)
        {
            track.health.expect(now);
        }
    }

    fn unpublished(&mut self, link: LinkId, sid: &TrackSid) {
        if let Some(state) = self.links.get_mut(&link) {
            state.listed.remove(sid);
        }
        let Some(track) = self.tracks.get_mut(sid) else { return };
        if track.info.is_some() {
            track.end(&FeedEnd::SourceClosed);
        }
        if track.feeds.is_empty() {
            self.tracks.remove(sid);
        }
    }

    /// A connection is joined, and has listed all tracks.
    fn joined(&mut self, now: Instant, link: LinkId) {
        let Some(state) = self.links.get_mut(&link) else { return };
        state.is_joined = true;
        state.trouble = None;
        self.has_joined = true;
        // A connection without signalling does not learn what ends.
        let informed = self.links.values().filter(|link| link.interrupted_at.is_none());
        let is_listed = |sid: &TrackSid| informed.clone().any(|link| link.listed.contains(sid));
        for (sid, track) in &mut self.tracks {
            track.joined();
            // What the server does not have, or does not send, cannot be missed.
            if track.is_carried_by(link) && !(is_listed(sid) && track.is_unmuted()) {
                track.hear_again(now);
            }
            if track.was_published() && !is_listed(sid) {
                track.missing_since.get_or_insert(now);
            }
        }
    }
}
