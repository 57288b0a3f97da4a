//! Make before break: while a connection has lost its signalling, its media usually goes on. A standby is opened, and takes
//! over each track as soon as it delivers it.
//!
//! A resume would restart ICE, and livekit-server sends nothing from its restart until a check has succeeded.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rtc::TrackSid;

use super::{LinkId, RoomCore};
use crate::{metrics, room::room_track::RoomTrack};

/// How long the carrier before may deliver what its successor lacks: longer than a socket is left unread on a busy machine.
const OVERLAP: Duration = Duration::from_millis(500);

/// A muted track of which nothing has arrived for this long moves without a packet.
const QUIET: Duration = Duration::from_secs(1);

/// A standby that has not joined this long after the carrier was resumed is not needed.
const STANDBY_TIMEOUT: Duration = Duration::from_secs(10);

/// The wait between two standbys grows with those opened in this time, because each costs the server a join.
const BACK_OFF_WINDOW: Duration = Duration::from_secs(30);
/// So many are opened without a wait.
const FREE_STANDBYS: usize = 4;
/// The first wait. It doubles with each further standby.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait. Media goes on meanwhile, but it is not known what is muted and published.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// When the last standbys were opened.
#[derive(Debug, Default)]
pub(super) struct Standbys(VecDeque<Instant>);

impl RoomCore {
    /// Signalling of a connection is lost; media may go on.
    pub(super) fn interrupted(&mut self, now: Instant, link: LinkId) {
        let Some(state) = self.links.get_mut(&link).filter(|state| state.is_joined) else {
            return;
        };
        state.interrupted_at.get_or_insert(now);
        for track in self.tracks.values_mut().filter(|track| track.is_carried_by(link)) {
            if track.candidate.is_some() {
                track.guard(now);
            }
        }
        self.provide_standby(now);
    }

    /// Signalling of a connection is back. Its standby takes over nevertheless, because the resume restarts ICE.
    pub(super) fn resumed(&mut self, now: Instant, link: LinkId) {
        if let Some(state) = self.links.get_mut(&link) {
            state.interrupted_at = None;
            state.resumed_at = Some(now);
        }
    }

    /// Gives each track whose carrier is interrupted a standby.
    pub(super) fn provide_standby(&mut self, now: Instant) {
        let is_exposed = |track: &RoomTrack| {
            let carrier = track.carrier.filter(|carrier| self.is_interrupted(*carrier));
            carrier.is_some() && track.candidate.is_none() && !track.feeds.is_empty()
        };
        let exposed = self.tracks.iter().filter(|(_, track)| is_exposed(track));
        let exposed: Vec<_> = exposed.map(|(sid, _)| sid.clone()).collect();
        for sid in exposed {
            let standby = self.healthy_link().or_else(|| self.open_standby(now));
            let (Some(standby), Some(track)) = (standby, self.tracks.get_mut(&sid)) else {
                return;
            };
            track.candidate = Some(standby);
            track.guard(now);
            self.request(now, standby, &sid);
        }
    }

    /// Does what is due: to be called once a second.
    pub(super) fn tend_standbys(&mut self, now: Instant) {
        self.provide_standby(now);
        let sids: Vec<_> = self.tracks.keys().cloned().collect();
        for sid in &sids {
            self.end_overlap(now, sid);
            self.drop_standby(now, sid);
            if self.is_quiet(now, sid) {
                if let Some(track) = self.tracks.get_mut(sid) {
                    track.splice.continue_in_silence();
                }
                self.take_over(now, sid);
            }
        }
    }

    /// The standby of a track becomes its carrier.
    pub(super) fn take_over(&mut self, now: Instant, sid: &TrackSid) {
        let Some(track) = self.tracks.get_mut(sid) else { return };
        let old = std::mem::replace(&mut track.carrier, track.candidate.take());
        track.guarded_since = None;
        let displaced = track.retiring.take();
        track.retiring = old.map(|old| (old, now + OVERLAP));
        metrics::room_reconnected("standby");
        tracing::info!(track.sid = %sid, "another connection has taken over the track");
        if let Some((displaced, _)) = displaced {
            self.release(displaced, sid);
        }
    }

    /// Returns a connection that has its signalling, or is being made, and that can carry one more track.
    pub(super) fn healthy_link(&self) -> Option<LinkId> {
        self.link_with_room(|link| !self.is_interrupted(link))
    }

    pub(super) fn is_interrupted(&self, link: LinkId) -> bool {
        let state = self.links.get(&link);
        state.is_some_and(|state| state.interrupted_at.is_some())
    }

    fn open_standby(&mut self, now: Instant) -> Option<LinkId> {
        let is_standby = |link: &LinkId| {
            let mut used = self.tracks.values().filter(|track| track.uses(*link)).peekable();
            used.peek().is_some() && !used.any(|track| track.is_carried_by(*link) || track.is_retiring(*link))
        };
        if self.links.keys().any(is_standby) || !self.standbys.take(now) {
            return None;
        }
        tracing::info!("opening another connection to the room, because signalling is lost");
        Some(self.open_link())
    }

    fn end_overlap(&mut self, now: Instant, sid: &TrackSid) {
        let Some(track) = self.tracks.get_mut(sid) else { return };
        if let Some((old, _)) = track.retiring.take_if(|(_, until)| now >= *until) {
            if track.candidate.is_none() {
                track.splice.rest();
            }
            self.release(old, sid);
        }
    }

    /// A resume has restored the carrier, and its standby cannot join.
    fn drop_standby(&mut self, now: Instant, sid: &TrackSid) {
        let Some(track) = self.tracks.get_mut(sid) else { return };
        let is_joined = |link| self.links.get(&link).is_some_and(|state| state.is_joined);
        let resumed_at = track.carrier.and_then(|carrier| self.links.get(&carrier)?.resumed_at);
        let is_stale = resumed_at.is_some_and(|at| now.saturating_duration_since(at) >= STANDBY_TIMEOUT);
        let standby = track.candidate.filter(|link| !is_joined(*link));
        if let Some(standby) = standby.filter(|_| is_stale && track.guarded_since.is_some()) {
            track.forget(standby);
            self.release(standby, sid);
        }
    }

    /// Whether a standby could deliver a track, of which neither connection has anything to deliver: it is muted and was so
    /// before. Of an unmuted track that says nothing, nobody knows whether it was silent or not received: after a pause of
    /// this machine, the connection was deaf long before its signalling was found to be lost.
    fn is_quiet(&self, now: Instant, sid: &TrackSid) -> bool {
        let Some(track) = self.tracks.get(sid) else {
            return false;
        };
        let (Some(guarded), Some(standby)) = (track.guarded_since, track.candidate) else {
            return false;
        };
        let state = self.links.get(&standby).filter(|state| state.offered.contains(sid));
        let Some(delivers) = state.and_then(|state| state.media_at) else {
            return false;
        };
        let has_passed = |since: Instant| now.saturating_duration_since(since) >= QUIET;
        let has_nothing = track.splice.last_arrival().is_none_or(has_passed) && !track.splice.is_pending();
        has_passed(delivers.max(guarded)) && has_nothing && track.was_muted && track.is_muted()
    }
}

impl Standbys {
    /// Whether one may be opened now. Notes it if so.
    fn take(&mut self, now: Instant) -> bool {
        self.0.retain(|at| now.saturating_duration_since(*at) < BACK_OFF_WINDOW);
        let excess = self.0.len().checked_sub(FREE_STANDBYS);
        let wait = excess.map_or(Duration::ZERO, |excess| {
            let doublings = u32::try_from(excess).unwrap_or(u32::MAX).min(10);
            (FIRST_WAIT * 2u32.pow(doublings)).min(MAX_WAIT)
        });
        let is_due = self
            .0
            .back()
            .is_none_or(|last| now.saturating_duration_since(*last) >= wait);
        if is_due {
            self.0.push_back(now);
        }
        is_due
    }
}
