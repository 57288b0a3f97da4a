//! A publisher's decisions. Descriptions are exchanged one at a time, so publishing and unpublishing queue up. No IO.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use livekit_protocol::{
    AddTrackRequest, AudioTrackFeature, MuteTrackRequest, SessionDescription, TrackPublishedResponse, TrackType,
    encryption, signal_request::Message as Request,
};
use tokio::sync::oneshot;

use super::{
    AudioOptions, OpusFrame, PublishError, PublisherEvent,
    frames::{Fate, Frames},
    track::Published,
};
use crate::{
    connection::{self, Connection},
    driver::{Output, Session},
    error::JoinError,
    peer::{Codec, OutgoingTrack, PeerEvent},
    signal::{Limits, Role, SignalEvent},
    simulate::Fault,
};

/// From the wish to publish to packets that may go out: an exchange of messages, ICE and DTLS.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

type Reply = oneshot::Sender<Result<Published, PublishError>>;

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
    connection: Connection,
    tracks: BTreeMap<u64, Track>,
    jobs: VecDeque<Job>,
    current: Option<(Instant, Current)>,
    next_key: u64,
    outputs: VecDeque<Output<PublisherEvent>>,
    over: bool,
}

#[derive(Debug)]
struct Track {
    announced: TrackPublishedResponse,
    outgoing: OutgoingTrack,
    frames: Frames,
}

/// Something that takes an exchange of descriptions.
#[derive(Debug)]
enum Job {
    Publish { options: AudioOptions, reply: Reply },
    Stop(OutgoingTrack),
}

/// How far the exchange is.
#[derive(Debug)]
enum Current {
    Announced {
        cid: String,
        options: AudioOptions,
        reply: Reply,
    },
    Offered {
        track: Track,
        reply: Reply,
    },
    Connecting {
        track: Track,
        reply: Reply,
    },
    Stopping,
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

    fn start_next_job(&mut self, now: Instant) {
        while self.current.is_none() {
            let Some(job) = self.jobs.pop_front() else { return };
            let current = match job {
                Job::Publish { options, reply } => self.announce(options, reply),
                Job::Stop(outgoing) => self.offer_stop(now, outgoing),
            };
            self.current = current.map(|current| (now + PUBLISH_TIMEOUT, current));
        }
    }

    fn announce(&mut self, options: AudioOptions, reply: Reply) -> Option<Current> {
        self.next_key += 1;
        let cid = format!("audio-{}", self.next_key);
        if self
            .connection
            .signal
            .send(Request::AddTrack(add_track(&cid, &options)))
        {
            return Some(Current::Announced { cid, options, reply });
        }
        answer(
            reply,
            Err(PublishError::Refused("there is no connection at the moment".into())),
        );
        None
    }

    fn offer_stop(&mut self, now: Instant, outgoing: OutgoingTrack) -> Option<Current> {
        let sdp = self.connection.peer.as_mut()?.offer_stop(now, outgoing)?;
        self.send_offer(sdp);
        Some(Current::Stopping)
    }

    fn send_offer(&mut self, sdp: String) {
        let offer = SessionDescription {
            r#type: "offer".into(),
            sdp,
            ..Default::default()
        };
        self.connection.signal.send(Request::Offer(offer));
    }

    /// Goes on with the exchange if `step` fits to where it is.
    fn advance(&mut self, now: Instant, step: impl FnOnce(&mut Self, Current) -> Option<Current>) {
        let Some((until, current)) = self.current.take() else {
            return;
        };
        self.current = step(self, current).map(|current| (until, current));
        self.start_next_job(now);
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

    fn offer(&mut self, now: Instant, current: Current, announced: TrackPublishedResponse) -> Option<Current> {
        let (options, reply) = match current {
            Current::Announced { cid, options, reply } if cid == announced.cid => (options, reply),
            other => return Some(other),
        };
        let codec = if options.red { Codec::Red } else { Codec::Opus };
        let offered = self
            .connection
            .peer
            .as_mut()
            .and_then(|peer| peer.offer_track(now, &announced.cid, codec));
        let Some((outgoing, sdp)) = offered else {
            answer(reply, Err(PublishError::Over));
            return None;
        };
        self.send_offer(sdp);
        self.connection.negotiated(now);
        Some(Current::Offered {
            track: Track {
                announced,
                outgoing,
                frames: Frames::new(codec),
            },
            reply,
        })
    }

    fn accept(&mut self, now: Instant, current: Current, sdp: &str) -> Option<Current> {
        let accepted = self.connection.peer.as_mut().map(|peer| peer.accept_answer(now, sdp));
        if let Some(Err(error)) = accepted {
            self.connection.handle_bad_description(now, &error);
            return None;
        }
        match current {
            Current::Offered { track, reply } => self.connected(now, Current::Connecting { track, reply }),
            Current::Stopping => None,
            other => Some(other),
        }
    }

    /// The track is published once media has its way.
    fn connected(&mut self, now: Instant, current: Current) -> Option<Current> {
        let up = self
            .connection
            .peer
            .as_ref()
            .is_some_and(crate::peer::Peer::was_connected);
        let (track, reply) = match current {
            Current::Connecting { track, reply } if up => (track, reply),
            other => return Some(other),
        };
        let sid = track
            .announced
            .track
            .as_ref()
            .map(|track| track.sid.clone())
            .unwrap_or_default();
        self.tracks.insert(self.next_key, track);
        self.tell_published();
        answer(
            reply,
            Ok(Published {
                key: self.next_key,
                sid,
                started: now,
            }),
        );
        None
    }

    fn tell_published(&mut self) {
        let announced = self.tracks.values().map(|track| track.announced.clone()).collect();
        self.connection.signal.set_published(announced);
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
                Some(connection::Output::Action(action)) => return Output::Action(action),
                Some(connection::Output::Signal(event)) => self.handle_signal(now, event),
                Some(connection::Output::Media(event)) => self.handle_media(now, &event),
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

fn add_track(cid: &str, options: &AudioOptions) -> AddTrackRequest {
    let features = [
        options.stereo.then_some(AudioTrackFeature::TfStereo as i32),
        (!options.dtx).then_some(AudioTrackFeature::TfNoDtx as i32),
    ];
    let encryption = if options.encrypted {
        encryption::Type::Gcm
    } else {
        encryption::Type::None
    };
    AddTrackRequest {
        cid: cid.to_owned(),
        name: options.name.clone(),
        r#type: TrackType::Audio as i32,
        source: options.source.to_wire() as i32,
        muted: options.muted,
        disable_red: !options.red,
        encryption: encryption as i32,
        audio_features: features.into_iter().flatten().collect(),
        ..Default::default()
    }
}

fn refuse(current: Current, text: String) -> Option<Current> {
    match current {
        Current::Announced { reply, .. } => {
            answer(reply, Err(PublishError::Refused(text)));
            None
        }
        other => Some(other),
    }
}

fn time_out(current: Current) -> Option<Current> {
    match current {
        Current::Announced { reply, .. } | Current::Offered { reply, .. } | Current::Connecting { reply, .. } => {
            answer(reply, Err(PublishError::TimedOut));
        }
        Current::Stopping => tracing::warn!("the server did not take note that a track has ended"),
    }
    None
}

fn answer(reply: Reply, result: Result<Published, PublishError>) {
    let _caller_may_be_gone = reply.send(result);
}
