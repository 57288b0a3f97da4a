//! A subscriber's decisions: from commands, signalling and media to events. No IO.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use livekit_protocol::{SessionDescription, UpdateParticipantMetadata, signal_request::Message as Request};

use super::{
    events::{RoomEvent, TrackEndReason},
    tracks::Tracks,
    watchdog::{Alarm, Watchdog},
};
use crate::{
    client_core::{ClientCore, ClientOutput, DroppedEvents},
    error::{JoinError, LeaveReason},
    ids::TrackSid,
    peer::{PeerError, PeerEvent},
    rtc_engine::{EngineOutput, RtcEngine},
    sdp,
    signal::{JoinPolicy, Role, SignalEvent, TrackChange},
    simulate::Fault,
};

#[derive(Debug)]
pub(super) enum Command {
    Subscribe(TrackSid),
    Unsubscribe(TrackSid),
    SetAttributes(HashMap<String, String>),
    Simulate(Fault),
    Leave,
}

#[derive(Debug)]
pub(super) struct SubscriberCore {
    engine: RtcEngine,
    tracks: Tracks,
    watchdog: Watchdog,
    /// Those of our participant that were set, including removed ones, which are empty.
    attributes: HashMap<String, String>,
    outputs: VecDeque<ClientOutput<RoomEvent>>,
    ended: bool,
}

impl SubscriberCore {
    pub fn new(now: Instant, policy: JoinPolicy) -> Self {
        Self {
            engine: RtcEngine::new(now, Role::Subscriber, policy),
            tracks: Tracks::default(),
            watchdog: Watchdog::new(now),
            attributes: HashMap::new(),
            outputs: VecDeque::new(),
            ended: false,
        }
    }

    fn handle_signal(&mut self, now: Instant, event: SignalEvent) {
        match event {
            SignalEvent::Joined(local) => self.outputs.push_back(ClientOutput::Joined(local)),
            SignalEvent::TracksListed => self.emit(RoomEvent::Joined),
            SignalEvent::Reconnecting => self.emit(RoomEvent::Reconnecting),
            SignalEvent::Resumed => self.handle_resumed(),
            SignalEvent::Offer(offer) => self.handle_offer(now, offer),
            SignalEvent::Track(change) => self.handle_track(now, change),
            SignalEvent::SubscriptionFailed { sid, error } => {
                self.tracks.end(now, &sid, TrackEndReason::Failed);
                self.emit(RoomEvent::SubscriptionFailed { sid, error });
            }
            SignalEvent::JoinFailed(error) => self.fail(error),
            SignalEvent::Left(reason) => self.finish(reason),
            SignalEvent::RequestFailed { text } => tracing::warn!(text, "LiveKit refused a request"),
            // Only publishers need these.
            SignalEvent::Answer(_) | SignalEvent::Trickle(_) | SignalEvent::Published { .. } => {}
        }
    }

    fn handle_resumed(&mut self) {
        // What was set while signalling was lost has not reached the server.
        self.send_attributes(self.attributes.clone());
        self.emit(RoomEvent::Resumed);
    }

    fn send_attributes(&mut self, attributes: HashMap<String, String>) {
        if !attributes.is_empty() {
            self.engine
                .signal
                .send(Request::UpdateMetadata(UpdateParticipantMetadata {
                    attributes,
                    ..Default::default()
                }));
        }
    }

    fn handle_offer(&mut self, now: Instant, offer: SessionDescription) {
        if let Err(error) = self.answer(now, &offer) {
            tracing::error!(%error, sdp = offer.sdp, "cannot answer an offer of LiveKit");
            self.engine.handle_bad_description(&error);
        }
    }

    /// Answers an offer, notes which stream carries which track, and enables retransmission for new streams.
    fn answer(&mut self, now: Instant, offer: &SessionDescription) -> Result<(), PeerError> {
        let Some(peer) = &mut self.engine.peer else {
            return Ok(());
        };
        let scanned = sdp::scan(&offer.sdp);
        let answer = peer.accept_offer(now, &offer.sdp, &scanned)?;
        let signal = &mut self.engine.signal;
        signal.send_answer(offer.clone(), answer);
        let change = self
            .tracks
            .apply_offer(now, &scanned.sections, |sid| signal.is_subscribed(sid));
        for sid in change.stopped {
            signal.handle_track_unbound(now, &sid);
        }
        for (ssrc, sid) in change.started {
            peer.enable_nack(now, ssrc);
            signal.handle_track_bound(&sid);
            self.outputs
                .push_back(ClientOutput::Event(RoomEvent::TrackSubscribed { sid }));
        }
        self.engine.handle_negotiated(now);
        Ok(())
    }

    fn handle_track(&mut self, now: Instant, change: TrackChange) {
        let event = match change {
            TrackChange::Published(track) => RoomEvent::TrackPublished(track),
            TrackChange::Changed(track) => RoomEvent::TrackChanged(track),
            TrackChange::Muted { sid, muted } => RoomEvent::TrackMuted { sid, muted },
            TrackChange::Unpublished { sid } => {
                self.tracks.end(now, &sid, TrackEndReason::Unpublished);
                RoomEvent::TrackUnpublished { sid }
            }
        };
        self.emit(event);
    }

    fn handle_media(&mut self, now: Instant, event: PeerEvent) {
        match event {
            PeerEvent::Packet(packet) => {
                self.watchdog.handle_media(now);
                match self.tracks.handle_packet(packet.ssrc).cloned() {
                    Some(sid) => self.emit(RoomEvent::Packet { sid, packet }),
                    None => tracing::trace!(ssrc = packet.ssrc.0, "a packet that belongs to no track"),
                }
            }
            PeerEvent::SenderReport(report) => {
                self.watchdog.handle_media(now);
                if let Some(sid) = self.tracks.track_of(report.ssrc).cloned() {
                    self.emit(RoomEvent::SenderReport { sid, report });
                }
            }
            PeerEvent::Connected => self.emit(RoomEvent::MediaConnected),
            // The engine has already reacted.
            PeerEvent::Disconnected => tracing::info!("the media connection is interrupted"),
            PeerEvent::Failed(error) => tracing::warn!(%error, "the media connection failed"),
        }
    }

    fn check_media(&mut self, now: Instant) {
        if !self.watchdog.is_due(now) {
            return;
        }
        let expects_media = self.tracks.active().any(|sid| self.engine.signal.is_unmuted(sid));
        match self.watchdog.check(now, expects_media) {
            Alarm::None => {}
            Alarm::Resume => {
                tracing::warn!("no media arrives although a track is unmuted; resuming");
                self.engine.signal.handle_media_stalled(now);
            }
            Alarm::GiveUp(silence) => self.engine.signal.handle_media_failed(LeaveReason::NoMedia(silence)),
        }
    }

    fn fail(&mut self, error: JoinError) {
        self.ended = true;
        self.outputs.push_back(ClientOutput::JoinFailed(error));
    }

    fn finish(&mut self, reason: LeaveReason) {
        self.ended = true;
        self.emit(RoomEvent::Left(reason));
    }

    fn emit(&mut self, event: RoomEvent) {
        self.outputs.push_back(ClientOutput::Event(event));
    }
}

impl ClientCore for SubscriberCore {
    type Command = Command;
    type Event = RoomEvent;

    fn engine(&mut self) -> &mut RtcEngine {
        &mut self.engine
    }

    fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Subscribe(sid) => {
                self.engine.signal.subscribe(now, sid.clone());
                if self.tracks.keep_open(&sid) {
                    self.engine.signal.handle_track_bound(&sid);
                }
            }
            Command::Unsubscribe(sid) => {
                self.tracks.end(now, &sid, TrackEndReason::Unsubscribed);
                self.engine.signal.unsubscribe(now, &sid);
            }
            Command::SetAttributes(attributes) => {
                self.attributes.extend(attributes.clone());
                self.send_attributes(attributes);
            }
            Command::Simulate(fault) => self.engine.simulate(now, fault),
            Command::Leave => self.engine.signal.leave(),
        }
    }

    fn handle_abandoned(&mut self) {
        self.engine.signal.leave();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
        let expired = self.tracks.handle_timeout(now);
        for (sid, reason) in expired.tracks {
            self.emit(RoomEvent::TrackEnded { sid, reason });
        }
        for ssrc in expired.ssrcs {
            if let Some(peer) = &mut self.engine.peer {
                peer.remove_stream(now, ssrc);
            }
        }
        self.check_media(now);
    }

    fn poll_output(&mut self, now: Instant) -> ClientOutput<RoomEvent> {
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
                Some(EngineOutput::Media(event)) => self.handle_media(now, event),
                None => {
                    let deadlines = [
                        self.engine.deadline(),
                        self.tracks.deadline(),
                        Some(self.watchdog.deadline()),
                    ];
                    return ClientOutput::Wait(deadlines.into_iter().flatten().min());
                }
            }
        }
    }

    fn is_droppable(event: &RoomEvent) -> bool {
        matches!(event, RoomEvent::Packet { .. } | RoomEvent::SenderReport { .. })
    }

    fn dropped(DroppedEvents { count, from, until }: DroppedEvents) -> Option<RoomEvent> {
        Some(RoomEvent::Dropped { count, from, until })
    }
}
