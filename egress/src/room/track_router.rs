//! Routes the events of one room connection to its feeds. Pure.

use std::collections::HashMap;

use domain::TrackSid;
use media::MuteState;
use rtc::TrackInfo;

use super::{
    convert,
    feed::{Attachment, FeedEnd, FeedEvent, FeedId},
};

/// The published tracks of a room, and the feeds attached to each.
#[derive(Debug, Default)]
pub struct TrackRouter {
    tracks: HashMap<TrackSid, TrackInfo>,
    /// Also of tracks that are not published yet.
    feeds: HashMap<TrackSid, Vec<Attachment>>,
    has_joined: bool,
}

impl TrackRouter {
    pub fn attach(&mut self, feed: Attachment) {
        if let Some(track) = self.tracks.get(&feed.track_sid) {
            let _receiver_is_gone = feed.events.send(FeedEvent::Published(Box::new(track.clone())));
        }
        if self.has_joined {
            let _receiver_is_gone = feed.events.send(FeedEvent::Joined);
        }
        self.feeds.entry(feed.track_sid.clone()).or_default().push(feed);
    }

    /// The room is joined, and all tracks that are published now are known.
    pub fn joined(&mut self) {
        if !std::mem::replace(&mut self.has_joined, true) {
            self.broadcast(|| FeedEvent::Joined);
        }
    }

    /// Removes a feed. Returns its track if no other feed is attached to it.
    pub fn detach(&mut self, id: FeedId) -> Option<TrackSid> {
        let (track_sid, feeds) = self
            .feeds
            .iter_mut()
            .find(|(_, feeds)| feeds.iter().any(|feed| feed.id == id))?;
        feeds.retain(|feed| feed.id != id);
        let track_sid = feeds.is_empty().then(|| track_sid.clone())?;
        self.feeds.remove(&track_sid);
        Some(track_sid)
    }

    /// Whether no feed is attached.
    pub fn is_empty(&self) -> bool {
        self.feeds.is_empty()
    }

    /// A track was published, or its properties other than the mute state have changed.
    pub fn published(&mut self, track: TrackInfo) {
        let track_sid = convert::track_sid(&track.sid);
        self.send(&track_sid, || FeedEvent::Published(Box::new(track.clone())));
        self.tracks.insert(track_sid, track);
    }

    pub fn muted(&mut self, track_sid: &TrackSid, muted: bool) {
        if let Some(track) = self.tracks.get_mut(track_sid) {
            track.muted = muted;
        }
        let state = if muted { MuteState::Muted } else { MuteState::Unmuted };
        self.send(track_sid, || FeedEvent::Mute(state));
    }

    pub fn unpublished(&mut self, track_sid: &TrackSid) {
        self.tracks.remove(track_sid);
        self.send(track_sid, || FeedEvent::Ended(FeedEnd::SourceClosed));
    }

    /// Sends an event to every feed of a track.
    pub fn send(&self, track_sid: &TrackSid, event: impl Fn() -> FeedEvent) {
        for feed in self.feeds.get(track_sid).into_iter().flatten() {
            let _receiver_is_gone = feed.events.send(event());
        }
    }

    /// Sends an event to every feed of the room.
    pub fn broadcast(&self, event: impl Fn() -> FeedEvent) {
        for feed in self.feeds.values().flatten() {
            let _receiver_is_gone = feed.events.send(event());
        }
    }
}

#[cfg(test)]
mod tests {
    use rtc::{ParticipantKind, TrackKind, TrackSource};
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn track(sid: &str, muted: bool) -> TrackInfo {
        TrackInfo {
            sid: sid.into(),
            identity: "ada".into(),
            participant_sid: "PA_1".into(),
            display_name: "Ada".into(),
            participant_kind: ParticipantKind::Standard,
            kind: TrackKind::Audio,
            source: TrackSource::Microphone,
            name: String::new(),
            muted,
            mime_type: "audio/opus".into(),
            encrypted: false,
            stereo: false,
        }
    }

    fn attach(router: &mut TrackRouter, id: FeedId, sid: &str) -> UnboundedReceiver<FeedEvent> {
        let (events, receiver) = unbounded_channel();
        router.attach(Attachment {
            id,
            track_sid: sid.into(),
            egress_id: format!("EG_{id}").as_str().into(),
            is_continued: false,
            events,
        });
        receiver
    }

    fn received(events: &mut UnboundedReceiver<FeedEvent>) -> Vec<String> {
        std::iter::from_fn(|| events.try_recv().ok())
            .map(|event| match event {
                FeedEvent::Published(track) => format!("published {}", track.sid),
                FeedEvent::Mute(state) => format!("{state:?}"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_feed_learns_of_its_track_whether_it_attaches_before_or_after_publication() {
        let mut router = TrackRouter::default();
        let mut early = attach(&mut router, 1, "TR_a");
        router.published(track("TR_a", false));
        router.published(track("TR_b", false));
        let mut late = attach(&mut router, 2, "TR_b");

        assert_eq!(
            (received(&mut early), received(&mut late)),
            (vec!["published TR_a".into()], vec!["published TR_b".into()])
        );
    }

    #[test]
    fn mutes_and_the_end_reach_only_the_feeds_of_their_track() {
        let mut router = TrackRouter::default();
        let (mut a, mut b) = (attach(&mut router, 1, "TR_a"), attach(&mut router, 2, "TR_b"));
        router.published(track("TR_a", true));
        router.muted(&"TR_a".into(), false);
        router.unpublished(&"TR_a".into());

        let events_of_a = received(&mut a);

        assert_eq!(events_of_a, ["published TR_a", "Unmuted", "Ended(SourceClosed)"]);
        assert!(received(&mut b).is_empty());
    }

    #[test]
    fn a_feed_that_attaches_later_gets_the_current_mute_state() {
        let mut router = TrackRouter::default();
        router.published(track("TR_a", false));
        router.muted(&"TR_a".into(), true);

        let mut late = attach(&mut router, 1, "TR_a");

        assert!(matches!(late.try_recv(), Ok(FeedEvent::Published(track)) if track.muted));
    }

    #[test]
    fn detaching_returns_the_track_with_its_last_feed() {
        let mut router = TrackRouter::default();
        let _feeds = [
            attach(&mut router, 1, "TR_a"),
            attach(&mut router, 2, "TR_a"),
            attach(&mut router, 3, "TR_b"),
        ];

        assert_eq!(router.detach(1), None);
        assert_eq!(router.detach(1), None);
        assert_eq!(router.detach(2), Some("TR_a".into()));
        assert!(!router.is_empty());
        assert_eq!(router.detach(3), Some("TR_b".into()));
        assert!(router.is_empty());
    }
}
