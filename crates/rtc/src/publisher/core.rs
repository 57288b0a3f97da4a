//! A publisher's decisions: from commands, signalling and the clock to packets. No IO.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use livekit_protocol::{MuteTrackRequest, TrackPublishedResponse, signal_request::Message as Request};

use super::{
    AudioOptions, OpusFrame, PublisherEvent,
    exchange::{Current, Job, Reply, Track, refuse, time_out},
    frames::Fate,
};
use crate::{
    driver::{Output, Session},
    error::JoinError,
    peer::PeerEvent,
    rtc_engine::{self, Connection},
    signal::{Limits, Role, SignalEvent},
    simulate::Fault,
};

#[derive(Debug)]
pub(super) enum Command {
    Publish { options: AudioOptions, reply: Reply },
    Send { key: u64, frame: OpusFrame },
    Lose { key: u64, frame: OpusFrame },
    Mute { key: u64, muted: bool },
    Unpublish { key: u64 },
    Simulate(Fault),
    Leave,
    Vanish,
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) connection: Connection,
    pub(super) tracks: BTreeMap<u64, Track>,
    pub(super) jobs: VecDeque<Job>,
    pub(super) current: Option<(Instant, Current)>,
    pub(super) next_key: u64,
    outputs: VecDeque<Output<PublisherEvent>>,
    over: bool,
}

impl Core {
    pub fn new(now: Instant, limits: Limits) -> Self {
        Self {
            connection: Connection::new(now, Role::Publisher, limits),
            tracks: BTreeMap::new(),
            jobs: VecDeque::new(),
            current: None,
            next_key: 0,
            outputs: VecDeque::new(),
            over: false,
        }
    }

    fn handle_signal(&mut self, now: Instant, event: SignalEvent) {
        match event {
            SignalEvent::Joined(own) => self.outputs.push_back(Output::Joined(own)),
            SignalEvent::Reconnecting => self.emit(PublisherEvent::Reconnecting),
            SignalEvent::Resumed => self.emit(PublisherEvent::Resumed),
            SignalEvent::Published { cid, track } => {
                let announced = TrackPublishedResponse {
                    cid,
                    track: Some(track),
                };
                self.advance(now, |core, current| core.offer(now, current, announced));
            }
            SignalEvent::Answer(answer) => self.advance(now, |core, current| core.accept(now, current, &answer.sdp)),
            SignalEvent::RequestFailed { text } => self.advance(now, |_, current| refuse(current, text)),
            SignalEvent::Failed(error) => self.fail(error),
            SignalEvent::Left(reason) => {
                self.over = true;
                self.emit(PublisherEvent::Left(reason));
            }
            // Of subscribers.
            SignalEvent::Offer(_)
            | SignalEvent::Trickle(_)
            | SignalEvent::Track(_)
            | SignalEvent::SubscriptionFailed { .. } => {}
        }
    }

    fn handle_media(&mut self, now: Instant, event: &PeerEvent) {
        match event {
            PeerEvent::Connected => self.advance(now, |core, current| core.connected(now, current)),
            // The connection has drawn the consequences; nothing is received.
            PeerEvent::Disconnected | PeerEvent::Packet(_) | PeerEvent::SenderReport(_) => {}
            PeerEvent::Failed(error) => tracing::warn!(%error, "media failed"),
        }
    }

    fn push_frame(&mut self, key: u64, frame: OpusFrame, fate: Fate) {
        if let Some(track) = self.tracks.get_mut(&key) {
            track.frames.push(frame, fate);
        }
    }

    fn mute(&mut self, key: u64, muted: bool) {
        let info = self.tracks.get(&key).and_then(|track| track.announced.track.as_ref());
        if let Some(info) = info {
            let mute = MuteTrackRequest {
                sid: info.sid.clone(),
                muted,
            };
            self.connection.signal.send(Request::Mute(mute));
        }
    }

    fn unpublish(&mut self, now: Instant, key: u64) {
        if let Some(track) = self.tracks.remove(&key) {
            self.tell_published();
            self.jobs.push_back(Job::Stop(track.outgoing));
            self.start_next_job(now);
        }
    }

    fn send_due_frames(&mut self, now: Instant) {
        let Some(peer) = &mut self.connection.peer else { return };
        for track in self.tracks.values_mut() {
            while let Some(packet) = track.frames.poll(now) {
                peer.send(now, track.outgoing, packet);
            }
        }
    }

    fn fail(&mut self, error: JoinError) {
        self.over = true;
        self.outputs.push_back(Output::Failed(error));
    }

    fn emit(&mut self, event: PublisherEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    fn deadline(&self) -> Option<Instant> {
        let frames = self.tracks.values().filter_map(|track| track.frames.deadline());
        let current = self.current.as_ref().map(|(until, _)| *until);
        frames.chain(current).chain(self.connection.deadline()).min()
    }
}

impl Session for Core {
    type Command = Command;
    type Event = PublisherEvent;

    fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Publish { options, reply } => {
                self.jobs.push_back(Job::Publish { options, reply });
                self.start_next_job(now);
            }
            Command::Send { key, frame } => self.push_frame(key, frame, Fate::Sent),
            Command::Lose { key, frame } => self.push_frame(key, frame, Fate::Lost),
            Command::Mute { key, muted } => self.mute(key, muted),
            Command::Unpublish { key } => self.unpublish(now, key),
            Command::Simulate(fault) => self.connection.simulate(now, fault),
            Command::Leave => self.connection.signal.leave(),
            Command::Vanish => self.over = true,
        }
    }

    fn handle_abandoned(&mut self) {
        self.connection.signal.leave();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        self.send_due_frames(now);
        if self.current.as_ref().is_some_and(|(until, _)| now >= *until) {
            self.advance(now, |_, current| time_out(current));
        }
    }

    fn poll_output(&mut self, now: Instant) -> Output<PublisherEvent> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            if self.over {
                return self.connection.poll_farewell(now).map_or(Output::Done, Output::Action);
            }
            match self.connection.poll_output(now) {
                Some(rtc_engine::Output::Action(action)) => return Output::Action(action),
                Some(rtc_engine::Output::Signal(event)) => self.handle_signal(now, event),
                Some(rtc_engine::Output::Media(event)) => self.handle_media(now, &event),
                None => return Output::Wait(self.deadline()),
            }
        }
    }

    fn is_expendable(_: &PublisherEvent) -> bool {
        false
    }

    fn dropped(_: u64) -> Option<PublisherEvent> {
        None
    }
}
