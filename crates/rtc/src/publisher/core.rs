//! A publisher's decisions: from commands, signalling and the time to packets. No IO.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use livekit_protocol::{MuteTrackRequest, TrackPublishedResponse, signal_request::Message as Request};

use super::{
    command::{Command, PublishedTrack},
    events::PublisherEvent,
    negotiator::{Negotiator, Publication, Track},
    packetizer::{Delivery, OpusFrame},
};
use crate::{
    client_core::{ClientCore, ClientOutput, DroppedEvents},
    error::JoinError,
    peer::PeerEvent,
    rtc_engine::{EngineOutput, RtcEngine},
    signal::{JoinPolicy, Role, SignalEvent},
};

#[derive(Debug)]
pub(super) struct PublisherCore {
    engine: RtcEngine,
    negotiator: Negotiator,
    /// The published tracks by key.
    tracks: BTreeMap<u64, Track>,
    outputs: VecDeque<ClientOutput<PublisherEvent>>,
    ended: bool,
}

impl PublisherCore {
    pub fn new(now: Instant, policy: JoinPolicy) -> Self {
        Self {
            engine: RtcEngine::new(now, Role::Publisher, policy),
            negotiator: Negotiator::default(),
            tracks: BTreeMap::new(),
            outputs: VecDeque::new(),
            ended: false,
        }
    }

    fn handle_signal(&mut self, now: Instant, event: SignalEvent) {
        match event {
            SignalEvent::Joined(local) => self.outputs.push_back(ClientOutput::Joined(local)),
            SignalEvent::Reconnecting => self.emit(PublisherEvent::Reconnecting),
            SignalEvent::Resumed => self.emit(PublisherEvent::Resumed),
            SignalEvent::Published { cid, track } => {
                let announced = TrackPublishedResponse {
                    cid,
                    track: Some(track),
                };
                self.negotiator.handle_announced(&mut self.engine, now, announced);
            }
            SignalEvent::Answer(answer) => {
                let publication = self.negotiator.handle_answer(&mut self.engine, now, &answer.sdp);
                self.finish_publication(now, publication);
            }
            SignalEvent::RequestFailed { text } => self.negotiator.handle_refusal(&mut self.engine, now, text),
            SignalEvent::JoinFailed(error) => self.fail(error),
            SignalEvent::Left(reason) => {
                self.ended = true;
                self.emit(PublisherEvent::Left(reason));
            }
            // Only subscribers need these.
            SignalEvent::Offer(_)
            | SignalEvent::Trickle(_)
            | SignalEvent::Track(_)
            | SignalEvent::TracksListed
            | SignalEvent::SubscriptionFailed { .. } => {}
        }
    }

    fn handle_media(&mut self, now: Instant, event: &PeerEvent) {
        match event {
            PeerEvent::Connected => {
                let publication = self.negotiator.handle_connected(&mut self.engine, now);
                self.finish_publication(now, publication);
            }
            // The engine has already reacted to a loss; a publisher receives no media.
            PeerEvent::Disconnected | PeerEvent::Packet(_) | PeerEvent::SenderReport(_) => {}
            PeerEvent::Failed(error) => tracing::warn!(%error, "the media connection failed"),
        }
    }

    fn finish_publication(&mut self, now: Instant, publication: Option<Publication>) {
        let Some(Publication { key, track, reply }) = publication else {
            return;
        };
        let info = track.announced.track.as_ref();
        let published = PublishedTrack {
            key,
            sid: info.map(|info| info.sid.as_str().into()).unwrap_or_default(),
            started: now,
        };
        self.tracks.insert(key, track);
        self.update_published();
        reply.send(Ok(published));
    }

    fn push_frame(&mut self, key: u64, frame: OpusFrame, delivery: Delivery) {
        if let Some(track) = self.tracks.get_mut(&key) {
            track.packetizer.push(frame, delivery);
        }
    }

    fn mute(&mut self, key: u64, muted: bool) {
        let info = self.tracks.get(&key).and_then(|track| track.announced.track.as_ref());
        if let Some(info) = info {
            let mute = MuteTrackRequest {
                sid: info.sid.clone(),
                muted,
            };
            self.engine.signal.send(Request::Mute(mute));
        }
    }

    fn unpublish(&mut self, now: Instant, key: u64) {
        if let Some(track) = self.tracks.remove(&key) {
            self.update_published();
            self.negotiator.stop(&mut self.engine, now, track.outgoing);
        }
    }

    /// Sets which tracks a resume reports.
    fn update_published(&mut self) {
        let announced = self.tracks.values().map(|track| track.announced.clone()).collect();
        self.engine.signal.set_published(announced);
    }

    fn send_due_frames(&mut self, now: Instant) {
        let Some(peer) = &mut self.engine.peer else { return };
        for track in self.tracks.values_mut() {
            while let Some(packet) = track.packetizer.poll(now) {
                peer.send(now, track.outgoing, packet);
            }
        }
    }

    fn fail(&mut self, error: JoinError) {
        self.ended = true;
        self.outputs.push_back(ClientOutput::JoinFailed(error));
    }

    fn emit(&mut self, event: PublisherEvent) {
        self.outputs.push_back(ClientOutput::Event(event));
    }

    fn deadline(&self) -> Option<Instant> {
        let frames = self.tracks.values().filter_map(|track| track.packetizer.deadline());
        frames
            .chain(self.negotiator.deadline())
            .chain(self.engine.deadline())
            .min()
    }
}

impl ClientCore for PublisherCore {
    type Command = Command;
    type Event = PublisherEvent;

    fn engine(&mut self) -> &mut RtcEngine {
        &mut self.engine
    }

    fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Publish { options, reply } => self.negotiator.publish(&mut self.engine, now, options, reply),
            Command::Send { key, frame } => self.push_frame(key, frame, Delivery::Sent),
            Command::SkipLost { key, frame } => self.push_frame(key, frame, Delivery::Lost),
            Command::Mute { key, muted } => self.mute(key, muted),
            Command::Unpublish { key } => self.unpublish(now, key),
            Command::Simulate(fault) => self.engine.simulate(now, fault),
            Command::Leave => self.engine.signal.leave(),
            Command::Vanish => self.ended = true,
        }
    }

    fn handle_abandoned(&mut self) {
        self.engine.signal.leave();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
        self.send_due_frames(now);
        self.negotiator.handle_timeout(&mut self.engine, now);
    }

    fn poll_output(&mut self, now: Instant) -> ClientOutput<PublisherEvent> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            if self.ended {
                return self
                    .engine
                    .poll_remaining_action(now)
                    .map_or(ClientOutput::Done, ClientOutput::Io);
            }
            match self.engine.poll_output(now) {
                Some(EngineOutput::Io(action)) => return ClientOutput::Io(action),
                Some(EngineOutput::Signal(event)) => self.handle_signal(now, event),
                Some(EngineOutput::Media(event)) => self.handle_media(now, &event),
                None => return ClientOutput::Wait(self.deadline()),
            }
        }
    }

    fn is_droppable(_: &PublisherEvent) -> bool {
        false
    }

    fn dropped(_: DroppedEvents) -> Option<PublisherEvent> {
        None
    }
}
