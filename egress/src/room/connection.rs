//! The one connection to a room: joins, subscribes to what is asked for, hands packets on, leaves when nobody is left.

use std::time::{Instant, UNIX_EPOCH};

use media::{RtpPacket, SenderReport};
use rtc::{
    ConnectConfig, LeaveReason,
    subscriber::{self, RoomEvent, Subscriber, TrackEnd},
};
use tokio::sync::mpsc;

use super::{
    exists::{Presence, compare, presence},
    feed::{Command, FeedEnd, FeedEvent},
    registry::{RoomAccess, RoomKey, Rooms},
    switchboard::Switchboard,
};
use crate::failure::Failure;

/// A task of its own; ends when it has left the room.
pub struct Connection {
    pub key: RoomKey,
    pub rooms: Rooms,
    pub access: RoomAccess,
    pub commands: mpsc::UnboundedReceiver<Command>,
    pub board: Switchboard,
}

impl Connection {
    #[tracing::instrument(skip_all, fields(room.name = self.key.name, room.sid = self.key.sid))]
    pub async fn run(mut self) {
        // Again only if somebody came between the last departure and the end.
        while !self.rooms.close(&self.key, &self.commands) {
            match self.join().await {
                Some(Ok(mut joined)) => {
                    let end = self.serve(&mut joined).await;
                    end.into_iter().for_each(|end| self.end(&end));
                    joined.subscriber.leave().await;
                }
                Some(Err(end)) => self.end(&end),
                None => {}
            }
        }
        tracing::debug!("left the room");
    }

    /// Joins the room, if it is the one that was meant; `None` if nobody waits for that any more.
    async fn join(&mut self) -> Option<Result<Joined, FeedEnd>> {
        let (key, access) = (self.key.clone(), self.access.clone());
        let mut entering = std::pin::pin!(enter(&key, &access));
        loop {
            tokio::select! {
                entered = &mut entering => return Some(entered),
                command = self.commands.recv() => {
                    self.obey(command?, None);
                    if self.board.is_empty() {
                        return None;
                    }
                }
            }
        }
    }

    /// Hands events on until nobody listens (`None`) or the room is over.
    async fn serve(&mut self, joined: &mut Joined) -> Option<FeedEnd> {
        loop {
            tokio::select! {
                command = self.commands.recv() => {
                    self.obey(command?, Some(&joined.subscriber));
                    if self.board.is_empty() {
                        return None;
                    }
                }
                event = joined.events.recv() => {
                    let Some(event) = event else { return Some(FeedEnd::ConnectionLost) };
                    if let Some(end) = self.hand_on(event) {
                        return Some(end);
                    }
                }
            }
        }
    }

    fn obey(&mut self, command: Command, subscriber: Option<&Subscriber>) {
        match command {
            Command::Attach { id, track_sid, events } => self.board.attach(id, track_sid, events),
            Command::Subscribe { track_sid } => {
                // Only tracks that were found are asked for, so there is a subscriber.
                subscriber
                    .into_iter()
                    .for_each(|subscriber| subscriber.subscribe(track_sid.as_str()));
            }
            Command::Detach { id } => {
                let unwanted = self.board.detach(id);
                subscriber
                    .zip(unwanted)
                    .into_iter()
                    .for_each(|(subscriber, sid)| subscriber.unsubscribe(sid));
            }
        }
    }

    fn hand_on(&mut self, event: RoomEvent) -> Option<FeedEnd> {
        match event {
            RoomEvent::TrackPublished(track) | RoomEvent::TrackChanged(track) => self.board.published(track),
            RoomEvent::TrackMuted { sid, muted } => self.board.muted(&sid, muted),
            RoomEvent::TrackUnpublished { sid } => self.board.unpublished(&sid),
            RoomEvent::Packet { sid, packet } => self.board.tell(&sid, || FeedEvent::Packet(to_media(&packet))),
            RoomEvent::SenderReport { sid, report } => {
                self.board
                    .tell(&sid, || FeedEvent::SenderReport(report_to_media(&report)));
            }
            RoomEvent::SubscriptionFailed { sid, error } => {
                let failure = Failure::subscription(&sid, error);
                self.board
                    .tell(&sid, || FeedEvent::Ended(FeedEnd::Refused(failure.clone())));
            }
            RoomEvent::TrackEnded {
                sid,
                why: TrackEnd::Failed,
            } => {
                self.board.tell(&sid, || FeedEvent::Ended(FeedEnd::ConnectionLost));
            }
            // An end by the publisher was told when the track was unpublished, one by us needs no telling.
            RoomEvent::TrackEnded { .. } | RoomEvent::TrackSubscribed { .. } | RoomEvent::Resumed => {}
            RoomEvent::Reconnecting => tracing::warn!("the connection to the room is lost; reconnecting"),
            RoomEvent::Dropped { count } => tracing::error!(count, "packets were dropped: this machine is too slow"),
            RoomEvent::Reconnected => {
                let now = Instant::now();
                self.board.tell_all(|| FeedEvent::Reconnected(now));
            }
            RoomEvent::Left(reason) => return Some(end_of(&reason)),
        }
        None
    }

    /// Ends every line. Their recordings detach in their own time, and attach to nothing here again.
    fn end(&mut self, end: &FeedEnd) {
        self.board.tell_all(|| FeedEvent::Ended(end.clone()));
        self.board = Switchboard::default();
    }
}

/// A connection that is in its room.
struct Joined {
    subscriber: Subscriber,
    events: mpsc::Receiver<RoomEvent>,
}

async fn enter(key: &RoomKey, access: &RoomAccess) -> Result<Joined, FeedEnd> {
    let gone = || FeedEnd::Refused(Failure::room_not_found(&key.name));
    if presence(access, key).await == Presence::Gone {
        return Err(gone());
    }
    let (token_key, room, identity) = (access.api_key.clone(), key.name.clone(), access.identity.clone());
    token_key
        .recorder_token(&room, &identity)
        .map_err(|error| FeedEnd::Refused(Failure::join(&error)))?;
    let token = move || {
        token_key
            .recorder_token(&room, &identity)
            .expect("the same token was made a moment ago")
    };
    let joined = subscriber::join(ConnectConfig::new(access.url.clone(), token)).await;
    let (subscriber, events) = joined.map_err(|error| FeedEnd::Refused(Failure::join(&error)))?;
    // The room may have been made anew between the two looks.
    if compare(key, Some(&subscriber.room_sid())) == Presence::Gone {
        subscriber.leave().await;
        return Err(gone());
    }
    Ok(Joined { subscriber, events })
}

fn end_of(reason: &LeaveReason) -> FeedEnd {
    match reason {
        LeaveReason::Asked | LeaveReason::RoomClosed | LeaveReason::Removed | LeaveReason::RoomChanged { .. } => {
            FeedEnd::SourceClosed
        }
        LeaveReason::DuplicateIdentity
        | LeaveReason::Refused { .. }
        | LeaveReason::GaveUp(_)
        | LeaveReason::Disconnected { .. } => FeedEnd::ConnectionLost,
    }
}

fn to_media(packet: &rtc::RtpPacket) -> RtpPacket {
    RtpPacket {
        ssrc: packet.ssrc,
        seq_no: packet.seq_no,
        timestamp: packet.timestamp,
        arrival: packet.arrival,
        payload: packet.payload.clone(),
    }
}

fn report_to_media(report: &rtc::SenderReport) -> SenderReport {
    let since_1970 = report.publisher_time.duration_since(UNIX_EPOCH).unwrap_or_default();
    SenderReport {
        ssrc: report.ssrc,
        rtp_timestamp: report.rtp_timestamp,
        publisher_ns: i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX),
        arrival: report.arrival,
    }
}
