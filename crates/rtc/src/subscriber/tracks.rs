//! Which SSRC carries which track, and when a track is over. Pure.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::TrackEnd;
use crate::sdp::Section;

/// After the news of a track's end, packets may still be on their way.
const GRACE: Duration = Duration::from_millis(300);

/// Tracks that were offered and are not over.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    open: HashMap<String, Open>,
    by_ssrc: HashMap<u32, String>,
    /// Streams of former offers, and when they may be forgotten.
    retired: Vec<(Instant, u32)>,
}

#[derive(Debug, Default)]
struct Open {
    /// `None` while the server does not send it: between two connections, or for a cause of its own.
    ssrc: Option<u32>,
    heard: bool,
    ending: Option<(Instant, TrackEnd)>,
}

/// What an offer changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OfferChange {
    pub started: Vec<(u32, String)>,
    /// Tracks that are sent no longer.
    pub stopped: Vec<String>,
}

/// What is over for good.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Over {
    pub tracks: Vec<(String, TrackEnd)>,
    pub ssrcs: Vec<u32>,
}

impl Tracks {
    /// Takes over what an offer says of the tracks that are wanted.
    pub fn apply_offer(
        &mut self,
        now: Instant,
        sections: &[Section<'_>],
        wanted: impl Fn(&str) -> bool,
    ) -> OfferChange {
        let sent: HashMap<&str, u32> = sections
            .iter()
            .filter(|section| section.kind == "audio" && section.sending && wanted(section.track_sid))
            .filter_map(|section| section.ssrcs.first().map(|ssrc| (section.track_sid, *ssrc)))
            .collect();
        let mut change = OfferChange::default();
        for (sid, track) in &mut self.open {
            let stopped = track.ssrc.filter(|ssrc| sent.get(sid.as_str()) != Some(ssrc));
            if let Some(ssrc) = stopped {
                self.retired.push((now + GRACE, ssrc));
                track.ssrc = None;
                change.stopped.push(sid.clone());
            }
        }
        for (sid, ssrc) in sent {
            let track = self.open.entry(sid.to_owned()).or_default();
            if track.ssrc == Some(ssrc) {
                continue;
            }
            *track = Open {
                ssrc: Some(ssrc),
                heard: false,
                ending: None,
            };
            self.retired.retain(|(_, retired)| *retired != ssrc);
            self.by_ssrc.insert(ssrc, sid.to_owned());
            change.started.push((ssrc, sid.to_owned()));
        }
        change
    }

    /// Whose packet it is.
    pub fn packet_of(&mut self, ssrc: u32) -> Option<&str> {
        let sid = self.by_ssrc.get(&ssrc)?;
        if let Some(track) = self.open.get_mut(sid) {
            track.heard = true;
        }
        Some(sid)
    }

    pub fn report_of(&self, ssrc: u32) -> Option<&str> {
        self.by_ssrc.get(&ssrc).map(String::as_str)
    }

    /// The track is to end. The first reason stands.
    pub fn end(&mut self, now: Instant, sid: &str, why: TrackEnd) {
        if let Some(track) = self.open.get_mut(sid) {
            track.ending.get_or_insert((now + GRACE, why));
        }
    }

    /// The track is wanted again, maybe before it was over. Says whether it is being sent still.
    pub fn keep(&mut self, sid: &str) -> bool {
        let Some(track) = self.open.get_mut(sid) else {
            return false;
        };
        track.ending = None;
        track.ssrc.is_some()
    }

    /// A new media connection: tracks go on, streams do not.
    pub fn reset_streams(&mut self) {
        self.by_ssrc.clear();
        self.retired.clear();
        for track in self.open.values_mut() {
            track.ssrc = None;
            track.heard = false;
        }
    }

    /// The tracks that packets came for on this connection.
    pub fn heard(&self) -> impl Iterator<Item = &str> {
        self.open
            .iter()
            .filter(|(_, track)| track.heard && track.ssrc.is_some())
            .map(|(sid, _)| sid.as_str())
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Over {
        let mut over = Over::default();
        self.open.retain(|sid, track| match track.ending {
            Some((at, why)) if now >= at => {
                over.tracks.push((sid.clone(), why));
                over.ssrcs.extend(track.ssrc);
                false
            }
            _ => true,
        });
        self.retired.retain(|(at, ssrc)| {
            if now >= *at {
                over.ssrcs.push(*ssrc);
            }
            now < *at
        });
        for ssrc in &over.ssrcs {
            self.by_ssrc.remove(ssrc);
        }
        over
    }

    pub fn deadline(&self) -> Option<Instant> {
        let endings = self.open.values().filter_map(|track| track.ending.map(|(at, _)| at));
        endings.chain(self.retired.iter().map(|(at, _)| *at)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio<'a>(sid: &'a str, ssrc: u32) -> Section<'a> {
        Section {
            kind: "audio",
            mid: "1",
            sending: true,
            ssrcs: vec![ssrc],
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

    fn started(tracks: &mut Tracks, now: Instant, sections: &[Section<'_>]) -> Vec<(u32, String)> {
        tracks.apply_offer(now, sections, |_| true).started
    }

    #[test]
    fn an_offer_starts_each_track_once() {
        let now = Instant::now();
        let mut tracks = Tracks::default();

        let first = started(&mut tracks, now, &[audio("TR_1", 11)]);
        let again = started(&mut tracks, now, &[audio("TR_1", 11)]);

        assert_eq!(first, [(11, "TR_1".to_owned())]);
        assert!(again.is_empty());
        assert_eq!(tracks.packet_of(11), Some("TR_1"));
        assert_eq!(tracks.packet_of(12), None);
    }

    #[test]
    fn a_section_that_is_used_again_belongs_to_the_new_track() {
        let now = Instant::now();
        let mut tracks = Tracks::default();
        started(&mut tracks, now, &[audio("TR_1", 11)]);

        let change = tracks.apply_offer(now, &[audio("TR_2", 22)], |_| true);

        assert_eq!(
            change,
            OfferChange {
                started: vec![(22, "TR_2".into())],
                stopped: vec!["TR_1".into()]
            }
        );
        assert_eq!(
            tracks.packet_of(11),
            Some("TR_1"),
            "a late packet has its place for a while"
        );
    }

    #[test]
    fn late_packets_have_three_hundred_milliseconds() {
        let now = Instant::now();
        let mut tracks = Tracks::default();
        started(&mut tracks, now, &[audio("TR_1", 11)]);
        tracks.end(now, "TR_1", TrackEnd::Unpublished);

        let early = tracks.handle_timeout(now + GRACE - Duration::from_millis(1));
        let due = tracks.handle_timeout(tracks.deadline().unwrap());

        assert_eq!(early, Over::default());
        assert_eq!(
            due,
            Over {
                tracks: vec![("TR_1".into(), TrackEnd::Unpublished)],
                ssrcs: vec![11]
            }
        );
        assert_eq!(tracks.packet_of(11), None);
    }

    #[test]
    fn a_track_that_comes_back_in_time_does_not_end() {
        let now = Instant::now();
        let mut tracks = Tracks::default();
        started(&mut tracks, now, &[audio("TR_1", 11)]);
        tracks.end(now, "TR_1", TrackEnd::Unsubscribed);
        tracks.apply_offer(now, &[closed()], |_| true);

        let back = started(&mut tracks, now, &[audio("TR_1", 12)]);
        let over = tracks.handle_timeout(now + 2 * GRACE);

        assert_eq!(back, [(12, "TR_1".to_owned())]);
        assert_eq!(
            over,
            Over {
                tracks: vec![],
                ssrcs: vec![11]
            }
        );
    }

    #[test]
    fn a_track_that_nobody_wants_is_not_started() {
        let now = Instant::now();
        let mut tracks = Tracks::default();

        let change = tracks.apply_offer(now, &[audio("TR_1", 11), audio("", 12)], |_| false);

        assert_eq!(change, OfferChange::default());
    }

    #[test]
    fn a_new_connection_starts_the_same_track_anew() {
        let now = Instant::now();
        let mut tracks = Tracks::default();
        started(&mut tracks, now, &[audio("TR_1", 11)]);

        tracks.reset_streams();

        assert_eq!(tracks.packet_of(11), None);
        assert_eq!(
            started(&mut tracks, now, &[audio("TR_1", 99)]),
            [(99, "TR_1".to_owned())]
        );
    }
}
