//! The exchange of descriptions by which a track is published or taken back: one at a time, the others queue up.

use std::time::{Duration, Instant};

use livekit_protocol::{
    AddTrackRequest, AudioTrackFeature, SessionDescription, TrackPublishedResponse, TrackType, encryption,
    signal_request::Message as Request,
};
use tokio::sync::oneshot;

use super::{AudioOptions, PublishError, core::Core, frames::Frames, track::Published};
use crate::peer::{Codec, OutgoingTrack};

/// From the wish to publish to packets that may go out: an exchange of messages, ICE and DTLS.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Reply = oneshot::Sender<Result<Published, PublishError>>;

#[derive(Debug)]
pub(super) struct Track {
    pub announced: TrackPublishedResponse,
    pub outgoing: OutgoingTrack,
    pub frames: Frames,
}

/// Something that takes an exchange of descriptions.
#[derive(Debug)]
pub(super) enum Job {
    Publish { options: AudioOptions, reply: Reply },
    Stop(OutgoingTrack),
}

/// How far the exchange is.
#[derive(Debug)]
pub(super) enum Current {
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
    pub(super) fn start_next_job(&mut self, now: Instant) {
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
    pub(super) fn advance(&mut self, now: Instant, step: impl FnOnce(&mut Self, Current) -> Option<Current>) {
        let Some((until, current)) = self.current.take() else {
            return;
        };
        self.current = step(self, current).map(|current| (until, current));
        self.start_next_job(now);
    }

    pub(super) fn offer(
        &mut self,
        now: Instant,
        current: Current,
        announced: TrackPublishedResponse,
    ) -> Option<Current> {
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

    pub(super) fn accept(&mut self, now: Instant, current: Current, sdp: &str) -> Option<Current> {
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
    pub(super) fn connected(&mut self, now: Instant, current: Current) -> Option<Current> {
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

    pub(super) fn tell_published(&mut self) {
        let announced = self.tracks.values().map(|track| track.announced.clone()).collect();
        self.connection.signal.set_published(announced);
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

pub(super) fn refuse(current: Current, text: String) -> Option<Current> {
    match current {
        Current::Announced { reply, .. } => {
            answer(reply, Err(PublishError::Refused(text)));
            None
        }
        other => Some(other),
    }
}

pub(super) fn time_out(current: Current) -> Option<Current> {
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
