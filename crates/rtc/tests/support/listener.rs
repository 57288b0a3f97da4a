//! A subscriber that keeps everything that it receives.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use rtc::{
    ConnectConfig, LeaveReason, RtpPacket, TrackInfo, TrackSid,
    subscriber::{self, RoomEvent, Subscriber, TrackEndReason},
};
use tokio::{sync::mpsc, time::timeout};

/// The longest wait for anything.
const TIMEOUT: Duration = Duration::from_secs(15);

pub struct Listener {
    pub subscriber: Subscriber,
    events: mpsc::Receiver<RoomEvent>,
    pub tracks: BTreeMap<TrackSid, TrackInfo>,
    pub packets: BTreeMap<TrackSid, Vec<RtpPacket>>,
    pub subscribed: Vec<TrackSid>,
    pub ended: Vec<(TrackSid, TrackEndReason)>,
    pub left: Option<LeaveReason>,
    /// All events but packets and sender reports, in words.
    pub reported: Vec<String>,
    pub reports: usize,
    subscribes: bool,
}

impl Listener {
    /// Joins and subscribes to every track.
    pub async fn join(config: ConnectConfig) -> Self {
        let mut listener = Self::join_only(config).await;
        listener.subscribes = true;
        listener
    }

    /// Joins and subscribes to nothing.
    pub async fn join_only(config: ConnectConfig) -> Self {
        let (subscriber, events) = subscriber::join(config).await.unwrap();
        Self {
            subscriber,
            events,
            tracks: BTreeMap::new(),
            packets: BTreeMap::new(),
            subscribed: Vec::new(),
            ended: Vec::new(),
            left: None,
            reported: Vec::new(),
            reports: 0,
            subscribes: false,
        }
    }

    /// Handles events until `condition` holds.
    pub async fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let done = timeout(TIMEOUT, async {
            while !condition(self) {
                let event = self.events.recv().await.expect("the subscriber has not left");
                self.handle(event);
            }
        });
        if done.await.is_err() {
            let counts: Vec<_> = self.packets.iter().map(|(sid, packets)| (sid, packets.len())).collect();
            panic!(
                "timed out waiting until {what}; reported: {:#?}; packets: {counts:?}",
                self.reported
            );
        }
    }

    /// Handles events while `work` runs.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return result,
                Some(event) = self.events.recv() => self.handle(event),
            }
        }
    }

    /// Returns whether this event has occurred.
    pub fn has_reported(&self, what: &str) -> bool {
        self.reported.iter().any(|reported| reported == what)
    }

    /// Returns the payloads of a track in the order of their arrival.
    pub fn payloads(&self, sid: &TrackSid) -> Vec<Bytes> {
        self.packets
            .get(sid)
            .into_iter()
            .flatten()
            .map(|packet| packet.payload.clone())
            .collect()
    }

    /// Returns whether a packet of the track with this payload has arrived.
    pub fn received(&self, sid: &TrackSid, payload: &Bytes) -> bool {
        self.packets
            .get(sid)
            .into_iter()
            .flatten()
            .any(|packet| packet.payload == *payload)
    }

    fn handle(&mut self, event: RoomEvent) {
        match event {
            RoomEvent::Packet { sid, packet } => self.packets.entry(sid).or_default().push(packet),
            RoomEvent::SenderReport { .. } => self.reports += 1,
            RoomEvent::TrackPublished(track) => {
                if self.subscribes {
                    self.subscriber.subscribe(&track.sid);
                }
                self.reported.push(format!("published {}", track.identity));
                self.tracks.insert(track.sid.clone(), track);
            }
            RoomEvent::TrackChanged(track) => {
                self.reported.push(format!("changed {}", track.identity));
                self.tracks.insert(track.sid.clone(), track);
            }
            RoomEvent::TrackSubscribed { sid } => {
                self.reported.push("subscribed".into());
                self.subscribed.push(sid);
            }
            RoomEvent::TrackEnded { sid, reason } => {
                self.reported.push(format!("ended {reason:?}"));
                self.ended.push((sid, reason));
            }
            RoomEvent::TrackMuted { sid, muted } => {
                self.reported.push(format!("muted {muted}"));
                self.tracks.get_mut(&sid).expect("only reported tracks are muted").muted = muted;
            }
            RoomEvent::Left(reason) => {
                self.reported.push(format!("left: {reason}"));
                self.left = Some(reason);
            }
            RoomEvent::Joined => {}
            RoomEvent::Reconnecting => self.reported.push("reconnecting".into()),
            RoomEvent::Resumed => self.reported.push("resumed".into()),
            other => self.reported.push(format!("{other:?}")),
        }
    }
}
