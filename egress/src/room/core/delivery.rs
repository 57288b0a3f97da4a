//! What the connections deliver of a track, and what they refuse.

use std::time::Instant;

use rtc::{RtpPacket, SubscriptionError, TrackSid};

use super::{LinkId, RoomCore};
use crate::{
    failure::Failure,
    room::{
        convert,
        feed::{FeedEnd, FeedEvent},
        room_track::RoomTrack,
    },
};

impl RoomCore {
    pub(super) fn handle_packet(&mut self, link: LinkId, sid: &TrackSid, packet: RtpPacket) {
        let Some(track) = self.tracks.get_mut(sid) else { return };
        if track.is_carried_by(link) {
            track.hear_again(packet.arrival);
            track.health.handle_packet(packet.arrival);
            let forwarded = track.splice.carry(packet);
            deliver(track, forwarded);
            if track.candidate.is_some() && track.guarded_since.is_none() {
                self.drop_rescuer(sid);
            }
        } else if track.candidate == Some(link) {
            self.handle_candidate(sid, packet);
        } else if track.is_retiring(link) {
            let forwarded = track.splice.carry_late(packet);
            deliver(track, forwarded);
        }
    }

    /// The server sends a track on this connection from now on.
    pub(super) fn offered(&mut self, now: Instant, link: LinkId, sid: TrackSid) {
        let Some(state) = self.links.get_mut(&link) else { return };
        if state.media_at.is_some()
            && let Some(track) = self.tracks.get_mut(&sid).filter(|track| track.is_carried_by(link))
        {
            track.hear_again(now);
        }
        state.offered.insert(sid);
    }

    pub(super) fn media_connected(&mut self, now: Instant, link: LinkId) {
        let Some(state) = self.links.get_mut(&link) else { return };
        state.media_at.get_or_insert(now);
        for sid in &state.offered {
            let track = self.tracks.get_mut(sid).filter(|track| track.is_carried_by(link));
            track.into_iter().for_each(|track| track.hear_again(now));
        }
    }

    /// The carrier delivers, so a connection that was only tried is not needed.
    fn drop_rescuer(&mut self, sid: &TrackSid) {
        let track = self.tracks.get_mut(sid);
        if let Some(candidate) = track.and_then(|track| track.candidate.take()) {
            self.release(candidate, sid);
        }
    }

    fn handle_candidate(&mut self, sid: &TrackSid, packet: RtpPacket) {
        let now = packet.arrival;
        let Some(track) = self.tracks.get_mut(sid) else { return };
        if let Some(packets) = track.splice.offer(packet) {
            deliver(track, packets);
            self.take_over(now, sid);
        } else if track.guarded_since.is_none() || track.is_lost || track.splice.is_overdue(now) {
            self.promote(now, sid);
        }
    }

    /// The candidate of a track becomes its carrier, and its packets another stream.
    pub(super) fn promote(&mut self, now: Instant, sid: &TrackSid) {
        let Some(track) = self.tracks.get_mut(sid) else { return };
        let old = std::mem::replace(&mut track.carrier, track.candidate.take());
        let packets = track.splice.break_off();
        track.guarded_since = None;
        track.is_lost = false;
        track.send(|| FeedEvent::Reconnected(now));
        deliver(track, packets);
        crate::metrics::room_reconnected("track_moved");
        if let Some(old) = old {
            self.release(old, sid);
        }
    }

    /// The server does not send a track on this connection.
    pub(super) fn refused(&mut self, now: Instant, link: LinkId, sid: &TrackSid, error: SubscriptionError) {
        let Some(track) = self.tracks.get_mut(sid).filter(|track| track.is_carried_by(link)) else {
            return;
        };
        let failure = Failure::subscription(sid, error);
        if error == SubscriptionError::TimedOut {
            track.health.handle_refused(now);
            track.send(|| FeedEvent::Trouble(failure.clone()));
        } else {
            track.end(&FeedEnd::Refused(failure));
        }
    }
}

/// Forwards packets of the stream to the feeds.
fn deliver(track: &mut RoomTrack, packets: impl IntoIterator<Item = RtpPacket>) {
    for packet in packets {
        track.health.handle_packet(packet.arrival);
        track.send(|| FeedEvent::Packet(convert::packet(&packet)));
    }
}
