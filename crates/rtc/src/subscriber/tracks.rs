//! Which SSRC carries which track, and when a track has ended. Pure.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::events::TrackEndReason;
use crate::{
    ids::{Ssrc, TrackSid},
    sdp::Section,
};

/// How long packets may still arrive after the end of a track became known.
const LATE_PACKETS: Duration = Duration::from_millis(300);

/// The tracks that were offered and have not ended.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    open: HashMap<TrackSid, OpenTrack>,
    by_ssrc: HashMap<Ssrc, TrackSid>,
    /// Streams of earlier offers, and when to forget them.
    retired: Vec<(Instant, Ssrc)>,
}

#[derive(Debug, Default)]
struct OpenTrack {
    /// `None` while the server does not send the track.
    ssrc: Option<Ssrc>,
    /// Whether packets have arrived from this SSRC.
    active: bool,
    ending: Option<(Instant, TrackEndReason)>,
}

/// What an offer changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OfferChange {
    pub started: Vec<(Ssrc, TrackSid)>,
    /// Tracks that the server no longer sends.
    pub stopped: Vec<TrackSid>,
}

/// Tracks and streams that have ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expired {
    pub tracks: Vec<(TrackSid, TrackEndReason)>,
    pub ssrcs: Vec<Ssrc>,
}

impl Tracks {
    /// Applies an offer, as far as it concerns subscribed tracks.
    pub fn apply_offer(
        &mut self,
        now: Instant,
        sections: &[Section<'_>],
        is_subscribed: impl Fn(&TrackSid) -> bool,
    ) -> OfferChange {
        let sent: HashMap<TrackSid, Ssrc> = sections
            .iter()
            .filter(|section| section.kind == "audio" && section.sending)
            .filter_map(|section| Some((TrackSid::from(section.track_sid), *section.ssrcs.first()?)))
            .filter(|(sid, _)| is_subscribed(sid))
            .collect();
        OfferChange {
            stopped: self.stop_streams(now, &sent),
            started: self.start_streams(sent),
        }
    }

    /// Retires the streams that are not sent any more. Returns their tracks.
    fn stop_streams(&mut self, now: Instant, sent: &HashMap<TrackSid, Ssrc>) -> Vec<TrackSid> {
        let mut stopped = Vec::new();
        for (sid, track) in &mut self.open {
            if let Some(ssrc) = track.ssrc.filter(|ssrc| sent.get(sid) != Some(ssrc)) {
                self.retired.push((now + LATE_PACKETS, ssrc));
                track.ssrc = None;
                stopped.push(sid.clone());
            }
        }
        stopped
    }

    /// Opens the streams that are not open yet. Returns them with their tracks.
    fn start_streams(&mut self, sent: HashMap<TrackSid, Ssrc>) -> Vec<(Ssrc, TrackSid)> {
        let mut started = Vec::new();
        for (sid, ssrc) in sent {
            let track = self.open.entry(sid.clone()).or_default();
            if track.ssrc == Some(ssrc) {
                continue;
            }
            *track = OpenTrack {
                ssrc: Some(ssrc),
                active: false,
                ending: None,
            };
            self.retired.retain(|(_, retired)| *retired != ssrc);
            self.by_ssrc.insert(ssrc, sid.clone());
            started.push((ssrc, sid));
        }
        started
    }

    /// Notes that a packet arrived. Returns the track that it belongs to.
    pub fn handle_packet(&mut self, ssrc: Ssrc) -> Option<&TrackSid> {
        let sid = self.by_ssrc.get(&ssrc)?;
        if let Some(track) = self.open.get_mut(sid) {
            track.active = true;
        }
        Some(sid)
    }

    /// Returns the track that the stream carries.
    pub fn track_of(&self, ssrc: Ssrc) -> Option<&TrackSid> {
        self.by_ssrc.get(&ssrc)
    }

    /// Ends the track after [`LATE_PACKETS`]. If it is ending already, the first reason stays.
    pub fn end(&mut self, now: Instant, sid: &TrackSid, reason: TrackEndReason) {
        if let Some(track) = self.open.get_mut(sid) {
            track.ending.get_or_insert((now + LATE_PACKETS, reason));
        }
    }

    /// Cancels the end of a track that is subscribed to again. Returns whether the server is still sending it.
    pub fn keep_open(&mut self, sid: &TrackSid) -> bool {
        let Some(track) = self.open.get_mut(sid) else {
            return false;
        };
        track.ending = None;
        track.ssrc.is_some()
    }

    /// Returns the tracks that have sent packets on this media connection.
    pub fn active(&self) -> impl Iterator<Item = &TrackSid> {
        self.open
            .iter()
            .filter(|(_, track)| track.active && track.ssrc.is_some())
            .map(|(sid, _)| sid)
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Expired {
        let mut expired = Expired::default();
        self.open.retain(|sid, track| match track.ending {
            Some((at, reason)) if now >= at => {
                expired.tracks.push((sid.clone(), reason));
                expired.ssrcs.extend(track.ssrc);
                false
            }
            _ => true,
        });
        self.retired.retain(|(at, ssrc)| {
            if now >= *at {
                expired.ssrcs.push(*ssrc);
            }
            now < *at
        });
        for ssrc in &expired.ssrcs {
            self.by_ssrc.remove(ssrc);
        }
        expired
    }

    pub fn deadline(&self) -> Option<Instant> {
        let endings = self.open.values().filter_map(|track| track.ending.map(|(at, _)| at));
        endings.chain(self.retired.iter().map(|(at, _)| *at)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(sid: &str, ssrc: u32) -> Section<'_> {
        Section {
            kind: "audio",
            mid: "1",
            sending: true,
            ssrcs: vec![Ssrc(ssrc)],
            track_sid: sid,
        }
    }

    fn closed<'a>() -> Section<'a> {
        Section {
            kind: "audio",
            mid: "1",
            ..Default::default()
        }
    }

    fn started(tracks: &mut Tracks, now: Instant, sections: &[Section<'_>]) -> Vec<(Ssrc, TrackSid)> {
        tracks.apply_offer(now, sections, |_| true).started
    }

    #[test]
    fn repeated_offers_start_a_track_once() {
        let now = Instant::now();
        let mut tracks = Tracks::default();

        let first = started(&mut tracks, now, &[audio("TR_1", 11)]);
        let again = started(&mut tracks, now, &[audio("TR_1", 11)]);

        assert_eq!(first, [(Ssrc(11), "TR_1".into())]);
        assert!(again.is_empty());
        assert_eq!(tracks.handle_packet(Ssrc(11)), Some(&"TR_1".into()));
        assert_eq!(tracks.handle_packet(Ssrc(12)), None);
    }

    #[test]
    fn a_reused_section_belongs_to_the_new_track() {
        let now = Instant::now();
        let mut tracks = Tracks::default();
        started(&mut tracks, now, &[audio("TR_1", 11)]);

        let change = tracks.apply_offer(now, &[audio("TR_2", 22)], |_| true);

        assert_eq!(
            change,
            OfferChange {
                started: vec![(Ssrc(22), "TR_2".into())],
                stopped: vec!["TR_1".into()]
            }
        );
        assert_eq!(
            tracks.handle_packet(Ssrc(11)),
            Some(&"TR_1".into()),
            "a late packet still belongs to its track"
        );
    }

    #[test]
    fn a_track_ends_300_ms_after_it_was_unpublished() {
        let now = Instant::now();
        let mut tracks = Tracks::default();
        started(&mut tracks, now, &[audio("TR_1", 11)]);
        tracks.end(now, &"TR_1".into(), TrackEndReason::Unpublished);

        let early = tracks.handle_timeout(now + LATE_PACKETS - Duration::from_millis(1));
        let due = tracks.handle_timeout(tracks.deadline().unwrap());

        assert_eq!(early, Expired::default());
        assert_eq!(
            due,
            Expired {
                tracks: vec![("TR_1".into(), TrackEndReason::Unpublished)],
                ssrcs: vec![Ssrc(11)]
            }
        );
        assert_eq!(tracks.handle_packet(Ssrc(11)), None);
    }

    #[test]
    fn a_track_that_is_offered_again_in_time_does_not_end() {
        let now = Instant::now();
        let mut tracks = Tracks::default();
        started(&mut tracks, now, &[audio("TR_1", 11)]);
        tracks.end(now, &"TR_1".into(), TrackEndReason::Unsubscribed);
        tracks.apply_offer(now, &[closed()], |_| true);

        let back = started(&mut tracks, now, &[audio("TR_1", 12)]);
        let expired = tracks.handle_timeout(now + 2 * LATE_PACKETS);

        assert_eq!(back, [(Ssrc(12), "TR_1".into())]);
        assert_eq!(
            expired,
            Expired {
                tracks: vec![],
                ssrcs: vec![Ssrc(11)]
            }
        );
    }

    #[test]
    fn a_track_that_is_not_subscribed_to_is_not_started() {
        let now = Instant::now();
        let mut tracks = Tracks::default();

        let change = tracks.apply_offer(now, &[audio("TR_1", 11), audio("", 12)], |_| false);

        assert_eq!(change, OfferChange::default());
    }
}
