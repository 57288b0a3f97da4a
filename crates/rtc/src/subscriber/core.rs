//! A subscriber's decisions: from signalling and media to events. No IO.

use std::{collections::VecDeque, time::Instant};

use livekit_protocol::SessionDescription;

use super::{RoomEvent, TrackEnd, tracks::Tracks, watchdog::Watchdog};
use crate::{
    driver::{Output, Session},
    error::{JoinError, LeaveReason},
    peer::{PeerError, PeerEvent},
    rtc_engine::{self, Connection},
    sdp,
    signal::{Limits, Own, Role, SignalEvent, TrackChange},
    simulate::Fault,
};

#[derive(Debug)]
pub(super) enum Command {
    Subscribe(String),
    Unsubscribe(String),
    Simulate(Fault),
    Leave,
}

#[derive(Debug)]
pub(super) struct Core {
    connection: Connection,
    tracks: Tracks,
    watchdog: Watchdog,
    outputs: VecDeque<Output<RoomEvent>>,
    joined: bool,
    over: bool,
}

impl Core {
    pub fn new(now: Instant, limits: Limits) -> Self {
        Self {
            connection: Connection::new(now, Role::Subscriber, limits),
            tracks: Tracks::default(),
            watchdog: Watchdog::new(now),
            outputs: VecDeque::new(),
            joined: false,
            over: false,
        }
    }

    fn handle_signal(&mut self, now: Instant, event: SignalEvent) {
        match event {
            SignalEvent::Joined(own) => self.handle_joined(own),
            SignalEvent::Reconnecting => self.emit(RoomEvent::Reconnecting),
            SignalEvent::Resumed => self.emit(RoomEvent::Resumed),
            SignalEvent::Offer(offer) => self.handle_offer(now, offer),
            SignalEvent::Track(change) => self.handle_track(now, change),
            SignalEvent::SubscriptionFailed { sid, error } => {
                self.tracks.end(now, &sid, TrackEnd::Failed);
                self.emit(RoomEvent::SubscriptionFailed { sid, error });
            }
            SignalEvent::Failed(error) => self.fail(error),
            SignalEvent::Left(reason) => self.finish(reason),
            SignalEvent::RequestFailed { text } => tracing::warn!(text, "LiveKit refused a request"),
            // Of publishers.
            SignalEvent::Answer(_) | SignalEvent::Trickle(_) | SignalEvent::Published { .. } => {}
        }
    }

    fn handle_joined(&mut self, own: Own) {
        self.outputs.push_back(Output::Joined(own));
        if std::mem::replace(&mut self.joined, true) {
            self.tracks.reset_streams();
            self.emit(RoomEvent::Reconnected);
        }
    }

    fn handle_offer(&mut self, now: Instant, offer: SessionDescription) {
        if let Err(error) = self.answer(now, &offer) {
            tracing::error!(%error, sdp = offer.sdp, "an offer of LiveKit cannot be answered");
            self.connection.handle_bad_description(now, &error);
        }
    }

    /// Takes an offer over: answer, repair of losses, and which stream is which track.
    fn answer(&mut self, now: Instant, offer: &SessionDescription) -> Result<(), PeerError> {
        let Some(peer) = &mut self.connection.peer else {
            return Ok(());
        };
        let scanned = sdp::scan(&offer.sdp);
        let answer = peer.accept_offer(now, &offer.sdp, &scanned)?;
        let signal = &mut self.connection.signal;
        signal.answer(offer.clone(), answer);
        let change = self
            .tracks
            .apply_offer(now, &scanned.sections, |sid| signal.is_wanted(sid));
        for sid in change.stopped {
            signal.track_unbound(now, &sid);
        }
        for (ssrc, sid) in change.started {
            peer.enable_nack(now, ssrc);
            signal.track_bound(&sid);
            self.outputs
                .push_back(Output::Event(RoomEvent::TrackSubscribed { sid }));
        }
        self.connection.negotiated(now);
        Ok(())
    }

    fn handle_track(&mut self, now: Instant, change: TrackChange) {
        let event = match change {
            TrackChange::Published(track) => RoomEvent::TrackPublished(track),
            TrackChange::Changed(track) => RoomEvent::TrackChanged(track),
            TrackChange::Muted { sid, muted } => RoomEvent::TrackMuted { sid, muted },
            TrackChange::Unpublished { sid } => {
                self.tracks.end(now, &sid, TrackEnd::Unpublished);
                RoomEvent::TrackUnpublished { sid }
            }
        };
        self.emit(event);
    }

    fn handle_media(&mut self, now: Instant, event: PeerEvent) {
        match event {
            PeerEvent::Packet(packet) => {
                self.watchdog.handle_media(now);
                match self.tracks.packet_of(packet.ssrc).map(str::to_owned) {
                    Some(sid) => self.emit(RoomEvent::Packet { sid, packet }),
                    None => tracing::trace!(ssrc = packet.ssrc, "a packet of no track"),
                }
            }
            PeerEvent::SenderReport(report) => {
                self.watchdog.handle_media(now);
                if let Some(sid) = self.tracks.report_of(report.ssrc).map(str::to_owned) {
                    self.emit(RoomEvent::SenderReport { sid, report });
                }
            }
            PeerEvent::Connected => tracing::debug!("media is connected"),
            // The connection has drawn the consequences.
            PeerEvent::Disconnected => tracing::info!("media is interrupted"),
            PeerEvent::Failed(error) => tracing::warn!(%error, "media failed"),
        }
    }

    fn watch(&mut self, now: Instant) {
        if !self.watchdog.is_due(now) {
            return;
        }
        let expects = self.tracks.heard().any(|sid| self.connection.signal.is_unmuted(sid));
        if self.watchdog.look(now, expects) {
            tracing::warn!("no media although some is due, resuming");
            self.connection.signal.handle_media_stalled(now);
        }
    }

    fn fail(&mut self, error: JoinError) {
        self.over = true;
        self.outputs.push_back(Output::Failed(error));
    }

    fn finish(&mut self, reason: LeaveReason) {
        self.over = true;
        self.emit(RoomEvent::Left(reason));
    }

    fn emit(&mut self, event: RoomEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}

impl Session for Core {
    type Command = Command;
    type Event = RoomEvent;

    fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Subscribe(sid) => {
                self.connection.signal.subscribe(now, sid.clone());
                if self.tracks.keep(&sid) {
                    self.connection.signal.track_bound(&sid);
                }
            }
            Command::Unsubscribe(sid) => {
                self.tracks.end(now, &sid, TrackEnd::Unsubscribed);
                self.connection.signal.unsubscribe(now, &sid);
            }
            Command::Simulate(fault) => self.connection.simulate(now, fault),
            Command::Leave => self.connection.signal.leave(),
        }
    }

    fn handle_abandoned(&mut self) {
        self.connection.signal.leave();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        let over = self.tracks.handle_timeout(now);
        for (sid, why) in over.tracks {
            self.emit(RoomEvent::TrackEnded { sid, why });
        }
        for ssrc in over.ssrcs {
            if let Some(peer) = &mut self.connection.peer {
                peer.remove_stream(now, ssrc);
            }
        }
        self.watch(now);
    }

    fn poll_output(&mut self, now: Instant) -> Output<RoomEvent> {
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
                Some(rtc_engine::Output::Media(event)) => self.handle_media(now, event),
                None => {
                    let deadlines = [
                        self.connection.deadline(),
                        self.tracks.deadline(),
                        Some(self.watchdog.deadline()),
                    ];
                    return Output::Wait(deadlines.into_iter().flatten().min());
                }
            }
        }
    }

    fn is_expendable(event: &RoomEvent) -> bool {
        matches!(event, RoomEvent::Packet { .. } | RoomEvent::SenderReport { .. })
    }

    fn dropped(count: u64) -> Option<RoomEvent> {
        (count > 0).then_some(RoomEvent::Dropped { count })
    }
}
