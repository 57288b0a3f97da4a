//! A recorder that remembers what it was told.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use rtc::{
    ConnectConfig, LeaveReason, RtpPacket, TrackInfo, TrackSid,
    subscriber::{self, RoomEvent, Subscriber, TrackEndReason},
};
use tokio::{sync::mpsc, time::timeout};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(15);

pub struct Listener {
    pub subscriber: Subscriber,
    events: mpsc::Receiver<RoomEvent>,
    pub tracks: BTreeMap<TrackSid, TrackInfo>,
    pub packets: BTreeMap<TrackSid, Vec<RtpPacket>>,
    pub subscribed: Vec<TrackSid>,
    pub ended: Vec<(TrackSid, TrackEndReason)>,
    pub left: Option<LeaveReason>,
    /// All but packets and reports, in words.
    pub told: Vec<String>,
    pub reports: usize,
    subscribes: bool,
}

impl Listener {
    /// Joins and subscribes to every track.
    pub async fn join(config: ConnectConfig) -> Self {
        let mut listener = Self::join_silently(config).await;
        listener.subscribes = true;
        listener
    }

    /// Joins and subscribes to nothing.
    pub async fn join_silently(config: ConnectConfig) -> Self {
        let (subscriber, events) = subscriber::join(config).await.unwrap();
        Self {
            subscriber,
            events,
            tracks: BTreeMap::new(),
            packets: BTreeMap::new(),
            subscribed: Vec::new(),
            ended: Vec::new(),
            left: None,
            told: Vec::new(),
            reports: 0,
            subscribes: false,
        }
    }

    /// Listens until `condition` holds.
    pub async fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let done = timeout(PATIENCE, async {
            while !condition(self) {
                let event = self.events.recv().await.expect("the session goes on");
                self.note(event);
            }
        });
        if done.await.is_err() {
            let counts: Vec<_> = self.packets.iter().map(|(sid, packets)| (sid, packets.len())).collect();
            panic!(
                "waited in vain until {what}; told: {:#?}; packets: {counts:?}",
                self.told
            );
        }
    }

    /// Listens while `work` is done.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return result,
                Some(event) = self.events.recv() => self.note(event),
            }
        }
    }

    pub fn was_told(&self, what: &str) -> bool {
        self.told.iter().any(|told| told == what)
    }

    pub fn payloads(&self, sid: &TrackSid) -> Vec<Bytes> {
        self.packets
            .get(sid)
            .into_iter()
            .flatten()
            .map(|packet| packet.payload.clone())
            .collect()
    }

    pub fn heard(&self, sid: &TrackSid, payload: &Bytes) -> bool {
        self.packets
            .get(sid)
            .into_iter()
            .flatten()
            .any(|packet| packet.payload == *payload)
    }

    fn note(&mut self, event: RoomEvent) {
        match event {
            RoomEvent::Packet { sid, packet } => self.packets.entry(sid).or_default().push(packet),
            RoomEvent::SenderReport { .. } => self.reports += 1,
            RoomEvent::TrackPublished(track) => {
                if self.subscribes {
                    self.subscriber.subscribe(&track.sid);
                }
                self.told.push(format!("published {}", track.identity));
                self.tracks.insert(track.sid.clone(), track);
            }
            RoomEvent::TrackChanged(track) => {
                self.told.push(format!("changed {}", track.identity));
                self.tracks.insert(track.sid.clone(), track);
            }
            RoomEvent::TrackSubscribed { sid } => {
                self.told.push("subscribed".into());
                self.subscribed.push(sid);
            }
            RoomEvent::TrackEnded { sid, reason } => {
                self.told.push(format!("ended {reason:?}"));
                self.ended.push((sid, reason));
            }
            RoomEvent::TrackMuted { sid, muted } => {
                self.told.push(format!("muted {muted}"));
                self.tracks.get_mut(&sid).expect("a track that was told of").muted = muted;
            }
            RoomEvent::Left(reason) => {
                self.told.push(format!("left: {reason}"));
                self.left = Some(reason);
            }
            RoomEvent::Reconnecting => self.told.push("reconnecting".into()),
            RoomEvent::Resumed => self.told.push("resumed".into()),
            RoomEvent::Reconnected => self.told.push("reconnected".into()),
            other => self.told.push(format!("{other:?}")),
        }
    }
}
