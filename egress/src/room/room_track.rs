//! One track of a room, as its feeds see it. Pure.

use std::time::{Duration, Instant};

use media::MuteState;
use rtc::TrackInfo;

use super::{
    feed::{Attachment, FeedEnd, FeedEvent, FeedId},
    health::TrackHealth,
    links::LinkId,
    splice::Splice,
};

/// How long a standby may take to deliver before yet another connection is tried for a track that should be heard: it has
/// to join, and to connect its media.
const STANDBY_TIME: Duration = Duration::from_secs(10);

/// What is known about a track, and the feeds attached to it.
#[derive(Debug, Default)]
pub(super) struct RoomTrack {
    /// `None` while the track is not published.
    pub info: Option<TrackInfo>,
    pub feeds: Vec<Attachment>,
    /// The connection whose packets are forwarded; `None` until the track is subscribed to.
    pub carrier: Option<LinkId>,
    /// Another connection, which is tried because the carrier delivers nothing: whichever delivers first carries on. Or it
    /// is a standby, which takes over as soon as it delivers.
    pub candidate: Option<LinkId>,
    /// Since when the candidate is a standby.
    pub guarded_since: Option<Instant>,
    /// The track was muted when its signalling was lost, as far as the server had said.
    pub was_muted: bool,
    /// The carrier before, and until when it may deliver what the carrier lacks.
    pub retiring: Option<(LinkId, Instant)>,
    pub splice: Splice,
    pub health: TrackHealth,
    /// The carrier is lost, and the feeds know.
    pub is_lost: bool,
    /// Since when a joined room does not list the track although it was published before.
    pub missing_since: Option<Instant>,
}

impl RoomTrack {
    pub fn is_carried_by(&self, link: LinkId) -> bool {
        self.carrier == Some(link)
    }

    pub fn is_retiring(&self, link: LinkId) -> bool {
        self.retiring.is_some_and(|(old, _)| old == link)
    }

    pub fn uses(&self, link: LinkId) -> bool {
        self.is_carried_by(link) || self.candidate == Some(link) || self.is_retiring(link)
    }

    /// Whether the track was published before, as far as anybody knows.
    pub fn was_published(&self) -> bool {
        self.info.is_some() || self.feeds.iter().any(|feed| feed.is_continued)
    }

    pub fn is_unmuted(&self) -> bool {
        self.info.as_ref().is_some_and(|info| !info.muted)
    }

    pub fn is_muted(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.muted)
    }

    /// Adds a feed and tells it what the others know already.
    pub fn attach(&mut self, mut feed: Attachment, is_joined: bool) {
        if let Some(info) = &self.info {
            feed.events.send(FeedEvent::Published(Box::new(info.clone())));
        }
        self.feeds.push(feed);
        if is_joined {
            self.joined();
        }
    }

    /// Removes a feed. Returns whether it was attached here.
    pub fn detach(&mut self, id: FeedId) -> bool {
        let before = self.feeds.len();
        self.feeds.retain(|feed| feed.id != id);
        self.feeds.len() < before
    }

    /// The candidate is a standby from now on.
    pub fn guard(&mut self, now: Instant) {
        if self.guarded_since.is_none() {
            self.guarded_since = Some(now);
            self.was_muted = self.is_muted();
        }
        self.splice.compare();
    }

    /// Whether a standby was given to the track just now, and should deliver soon.
    pub fn has_fresh_standby(&self, now: Instant) -> bool {
        let is_fresh = |since| now.saturating_duration_since(since) < STANDBY_TIME;
        self.candidate.is_some() && self.guarded_since.is_some_and(is_fresh)
    }

    /// A connection that is not the carrier is gone.
    pub fn forget(&mut self, link: LinkId) {
        if self.candidate == Some(link) {
            self.candidate = None;
            self.guarded_since = None;
        }
        if self.is_retiring(link) {
            self.retiring = None;
        }
        if self.candidate.is_none() && self.retiring.is_none() {
            self.splice.rest();
        }
    }

    /// Forgets everything but what is published, because no feed is left. Returns the connections that were in use.
    pub fn stop(&mut self) -> [Option<LinkId>; 3] {
        let info = self.info.take();
        let old = std::mem::take(self);
        self.info = info;
        [old.carrier, old.candidate, old.retiring.map(|(link, _)| link)]
    }

    /// The room is joined and its tracks are known: tells the feeds that wait for this.
    pub fn joined(&mut self) {
        for feed in self.feeds.iter_mut().filter(|feed| !feed.is_joined) {
            feed.is_joined = true;
            feed.events.send(FeedEvent::Joined);
        }
    }

    /// The track is listed. Tells the feeds what is new about it.
    pub fn published(&mut self, info: &TrackInfo) {
        self.missing_since = None;
        let muted_before = self.info.as_ref().map(|old| old.muted);
        let is_known = self.info.as_ref().is_some_and(|old| {
            *old == TrackInfo {
                muted: old.muted,
                ..info.clone()
            }
        });
        self.info = Some(info.clone());
        if !is_known {
            self.send(|| FeedEvent::Published(Box::new(info.clone())));
        }
        if muted_before.is_some_and(|before| before != info.muted) {
            self.send(|| FeedEvent::Mute(mute_state(info.muted)));
        }
    }

    pub fn muted(&mut self, muted: bool) {
        if let Some(info) = self.info.as_mut().filter(|info| info.muted != muted) {
            info.muted = muted;
            self.send(|| FeedEvent::Mute(mute_state(muted)));
        }
    }

    /// Its carrier was lost, and can deliver again.
    pub fn hear_again(&mut self, now: Instant) {
        if std::mem::take(&mut self.is_lost) {
            self.send(|| FeedEvent::Reconnected(now));
        }
    }

    /// The track is over for its feeds. Late packets may still follow, so its carrier stays until they detach.
    pub fn end(&mut self, end: &FeedEnd) {
        self.info = None;
        self.missing_since = None;
        self.health.rest();
        self.send(|| FeedEvent::Ended(end.clone()));
    }

    pub fn send(&mut self, event: impl Fn() -> FeedEvent) {
        for feed in &mut self.feeds {
            feed.events.send(event());
        }
    }
}

fn mute_state(muted: bool) -> MuteState {
    if muted { MuteState::Muted } else { MuteState::Unmuted }
}
