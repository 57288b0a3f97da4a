//! The negotiation by which a track is published or stopped: one at a time, the others wait.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use livekit_protocol::{
    AddTrackRequest, AudioTrackFeature, SessionDescription, TrackPublishedResponse, TrackType, encryption,
    signal_request::Message as Request,
};

use super::{command::Reply, events::PublishError, options::AudioOptions, packetizer::Packetizer};
use crate::{
    peer::{Codec, OutgoingTrack, PeerConnection},
    rtc_engine::RtcEngine,
};

/// From the request to publish until packets can be sent: an exchange of messages, ICE and DTLS.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

/// A track that is published or about to be.
#[derive(Debug)]
pub(super) struct Track {
    pub announced: TrackPublishedResponse,
    pub outgoing: OutgoingTrack,
    pub packetizer: Packetizer,
}

/// A track whose negotiation succeeded.
#[derive(Debug)]
pub(super) struct Publication {
    pub key: u64,
    pub track: Track,
    pub reply: Reply,
}

/// Runs one negotiation after the other.
#[derive(Debug, Default)]
pub(super) struct Negotiator {
    queue: VecDeque<Job>,
    /// The negotiation in progress and when it times out.
    current: Option<(Instant, Step)>,
    /// The key of the newest track.
    last_key: u64,
}

#[derive(Debug)]
enum Job {
    Publish { options: AudioOptions, reply: Reply },
    Stop(OutgoingTrack),
}

/// The current step of a negotiation.
#[derive(Debug)]
enum Step {
    /// The track is announced to the server.
    Announced {
        cid: String,
        options: AudioOptions,
        reply: Reply,
    },
    /// An offer with the track is sent.
    Offered { track: Track, reply: Reply },
    /// The offer is answered, but media is not connected yet.
    Connecting { track: Track, reply: Reply },
    /// An offer without the track is sent.
    Stopping,
}

/// What an input does to the negotiation in progress.
enum Outcome {
    Continue(Step),
    Published { track: Track, reply: Reply },
    Ended,
}

impl Negotiator {
    /// Publishes a track when all earlier negotiations have ended.
    pub fn publish(&mut self, engine: &mut RtcEngine, now: Instant, options: AudioOptions, reply: Reply) {
        self.queue.push_back(Job::Publish { options, reply });
        self.start_next(engine, now);
    }

    /// Stops sending a track when all earlier negotiations have ended.
    pub fn stop(&mut self, engine: &mut RtcEngine, now: Instant, outgoing: OutgoingTrack) {
        self.queue.push_back(Job::Stop(outgoing));
        self.start_next(engine, now);
    }

    /// The server accepted the announcement of a track.
    pub fn handle_announced(&mut self, engine: &mut RtcEngine, now: Instant, announced: TrackPublishedResponse) {
        self.advance(engine, now, |engine, step| offer(engine, now, step, announced));
    }

    /// The server answered an offer. Returns the track if it is published with that.
    pub fn handle_answer(&mut self, engine: &mut RtcEngine, now: Instant, sdp: &str) -> Option<Publication> {
        self.advance(engine, now, |engine, step| accept(engine, now, step, sdp))
    }

    /// Media is connected. Returns the track that is published with that, if any.
    pub fn handle_connected(&mut self, engine: &mut RtcEngine, now: Instant) -> Option<Publication> {
        self.advance(engine, now, |engine, step| publish_if_connected(engine, step))
    }

    /// The server refused a request.
    pub fn handle_refusal(&mut self, engine: &mut RtcEngine, now: Instant, text: String) {
        self.advance(engine, now, |_, step| refuse(step, text));
    }

    pub fn handle_timeout(&mut self, engine: &mut RtcEngine, now: Instant) {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.advance(engine, now, |_, step| time_out(step));
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.current.as_ref().map(|(deadline, _)| *deadline)
    }

    /// Applies an input to the negotiation in progress, if there is one.
    fn advance(
        &mut self,
        engine: &mut RtcEngine,
        now: Instant,
        apply: impl FnOnce(&mut RtcEngine, Step) -> Outcome,
    ) -> Option<Publication> {
        let (deadline, step) = self.current.take()?;
        let publication = match apply(engine, step) {
            Outcome::Continue(step) => {
                self.current = Some((deadline, step));
                None
            }
            Outcome::Published { track, reply } => Some(Publication {
                key: self.last_key,
                track,
                reply,
            }),
            Outcome::Ended => None,
        };
        self.start_next(engine, now);
        publication
    }

    fn start_next(&mut self, engine: &mut RtcEngine, now: Instant) {
        while self.current.is_none() {
            let Some(job) = self.queue.pop_front() else { return };
            let step = match job {
                Job::Publish { options, reply } => self.announce(engine, options, reply),
                Job::Stop(outgoing) => offer_stop(engine, now, outgoing),
            };
            self.current = step.map(|step| (now + PUBLISH_TIMEOUT, step));
        }
    }

    fn announce(&mut self, engine: &mut RtcEngine, options: AudioOptions, reply: Reply) -> Option<Step> {
        self.last_key += 1;
        let cid = format!("audio-{}", self.last_key);
        if engine.signal.send(Request::AddTrack(add_track(&cid, &options))) {
            return Some(Step::Announced { cid, options, reply });
        }
        reply.send(Err(PublishError::Refused("signalling is interrupted".into())));
        None
    }
}

fn offer_stop(engine: &mut RtcEngine, now: Instant, outgoing: OutgoingTrack) -> Option<Step> {
    let sdp = engine.peer.as_mut()?.offer_stop(now, outgoing)?;
    send_offer(engine, sdp);
    Some(Step::Stopping)
}

fn send_offer(engine: &mut RtcEngine, sdp: String) {
    let offer = SessionDescription {
        r#type: "offer".into(),
        sdp,
        ..Default::default()
    };
    engine.signal.send(Request::Offer(offer));
}

/// Offers the track that was announced.
fn offer(engine: &mut RtcEngine, now: Instant, step: Step, announced: TrackPublishedResponse) -> Outcome {
    let (options, reply) = match step {
        Step::Announced { cid, options, reply } if cid == announced.cid => (options, reply),
        other => return Outcome::Continue(other),
    };
    let codec = if options.red { Codec::Red } else { Codec::Opus };
    let offered = engine
        .peer
        .as_mut()
        .and_then(|peer| peer.offer_track(now, &announced.cid, codec));
    let Some((outgoing, sdp)) = offered else {
        reply.send(Err(PublishError::Left));
        return Outcome::Ended;
    };
    send_offer(engine, sdp);
    engine.handle_negotiated(now);
    let track = Track {
        announced,
        outgoing,
        packetizer: Packetizer::new(codec),
    };
    Outcome::Continue(Step::Offered { track, reply })
}

fn accept(engine: &mut RtcEngine, now: Instant, step: Step, sdp: &str) -> Outcome {
    let accepted = engine.peer.as_mut().map(|peer| peer.accept_answer(now, sdp));
    if let Some(Err(error)) = accepted {
        engine.handle_bad_description(&error);
        return Outcome::Ended;
    }
    match step {
        Step::Offered { track, reply } => publish_if_connected(engine, Step::Connecting { track, reply }),
        Step::Stopping => Outcome::Ended,
        other => Outcome::Continue(other),
    }
}

fn publish_if_connected(engine: &RtcEngine, step: Step) -> Outcome {
    let connected = engine.peer.as_ref().is_some_and(PeerConnection::was_connected);
    match step {
        Step::Connecting { track, reply } if connected => Outcome::Published { track, reply },
        other => Outcome::Continue(other),
    }
}

fn refuse(step: Step, text: String) -> Outcome {
    match step {
        Step::Announced { reply, .. } => {
            reply.send(Err(PublishError::Refused(text)));
            Outcome::Ended
        }
        other => Outcome::Continue(other),
    }
}

fn time_out(step: Step) -> Outcome {
    match step {
        Step::Announced { reply, .. } | Step::Offered { reply, .. } | Step::Connecting { reply, .. } => {
            reply.send(Err(PublishError::TimedOut));
        }
        Step::Stopping => tracing::warn!("LiveKit did not answer the offer that stops a track"),
    }
    Outcome::Ended
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
