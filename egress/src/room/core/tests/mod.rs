//! A room on a simulated clock: scripted connections, feeds that keep what they receive.

mod carriers;
mod failures;
mod feeds;
mod standby;

use std::collections::BTreeMap;

use rtc::{ParticipantKind, RtpPacket, SenderReport, SeqNo, Ssrc, SubscriptionError, TrackKind, TrackSource};

use super::*;
use crate::room::feed_queue::{FeedReceiver, feed_queue};

const FIRST: LinkId = LinkId(0);
const SECOND: LinkId = LinkId(1);

struct Room {
    core: RoomCore,
    now: Instant,
    feeds: BTreeMap<FeedId, FeedReceiver>,
}

impl Room {
    fn new() -> Self {
        Self {
            core: RoomCore::default(),
            now: Instant::now(),
            feeds: BTreeMap::new(),
        }
    }

    /// A joined room with these tracks, each with a feed that has subscribed; feed n is attached to track n.
    fn recording(sids: &[&str]) -> Self {
        let mut room = Self::new();
        for (id, sid) in (0..).zip(sids) {
            room.attach(id, sid);
        }
        room.join(FIRST, sids);
        for sid in sids {
            room.core.subscribe(room.now, sid);
        }
        room.effects();
        room.received();
        room
    }

    fn attach(&mut self, id: FeedId, sid: &str) {
        self.attach_feed(id, sid, false);
    }

    fn attach_feed(&mut self, id: FeedId, sid: &str, is_continued: bool) {
        let (events, receiver) = feed_queue();
        self.feeds.insert(id, receiver);
        let feed = Attachment {
            id,
            track_sid: sid.into(),
            egress_id: format!("EG_{id}").as_str().into(),
            is_continued,
            is_joined: false,
            events,
        };
        self.core.attach(self.now, feed);
    }

    fn join(&mut self, link: LinkId, sids: &[&str]) {
        for sid in sids {
            self.event(link, RoomEvent::TrackPublished(track(sid)));
        }
        self.event(link, RoomEvent::Joined);
    }

    fn lose(&mut self, link: LinkId) {
        self.core.lost(self.now, link, self.now);
    }

    fn event(&mut self, link: LinkId, event: RoomEvent) {
        self.core.handle_event(self.now, link, event);
    }

    fn packet(&mut self, link: LinkId, sid: &str) {
        let packet = RtpPacket {
            ssrc: Ssrc(1),
            seq_no: SeqNo(1),
            timestamp: 0,
            marker: false,
            arrival: self.now,
            payload: vec![1].into(),
        };
        self.event(
            link,
            RoomEvent::Packet {
                sid: sid.into(),
                packet,
            },
        );
    }

    /// Lets time pass, in which `sending` tracks send over the first connection.
    fn pass(&mut self, seconds: u64, sending: &[&str]) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            for sid in sending {
                self.packet(FIRST, sid);
            }
            self.core.handle_timeout(self.now);
        }
    }

    fn effects(&mut self) -> Vec<String> {
        let effects = self.core.take_effects().into_iter();
        effects
            .map(|effect| match effect {
                Effect::Open(link) => format!("open {}", link.0),
                Effect::Close(link) => format!("close {}", link.0),
                Effect::Subscribe(link, sid) => format!("subscribe {sid} on {}", link.0),
                Effect::Unsubscribe(link, sid) => format!("unsubscribe {sid} on {}", link.0),
            })
            .collect()
    }

    /// What each feed has received since the last call; a row of packets once.
    fn received(&mut self) -> Vec<Vec<String>> {
        let feeds = self.feeds.values_mut();
        feeds
            .map(|feed| {
                let mut events: Vec<_> = std::iter::from_fn(|| feed.try_recv()).map(outline).collect();
                events.dedup();
                events
            })
            .collect()
    }
}

fn outline(event: FeedEvent) -> String {
    match event {
        FeedEvent::Published(track) if track.muted => "published, muted".into(),
        FeedEvent::Published(_) => "published".into(),
        FeedEvent::Packet(_) => "packet".into(),
        FeedEvent::Lost(_) => "lost".into(),
        FeedEvent::Reconnected(_) => "reconnected".into(),
        FeedEvent::Trouble(failure) => failure.message.split(':').next().unwrap_or_default().to_owned(),
        FeedEvent::Ended(FeedEnd::Refused(failure)) => format!("refused: {failure}"),
        other => format!("{other:?}"),
    }
}

fn track(sid: &str) -> TrackInfo {
    TrackInfo {
        sid: sid.into(),
        identity: "ada".into(),
        participant_sid: "PA_1".into(),
        display_name: "Ada".into(),
        participant_kind: ParticipantKind::Standard,
        kind: TrackKind::Audio,
        source: TrackSource::Microphone,
        name: String::new(),
        muted: false,
        mime_type: "audio/opus".into(),
        encrypted: false,
        stereo: false,
    }
}

fn muted(sid: &str) -> TrackInfo {
    TrackInfo {
        muted: true,
        ..track(sid)
    }
}

fn unpublished(sid: &str) -> RoomEvent {
    RoomEvent::TrackUnpublished { sid: sid.into() }
}
