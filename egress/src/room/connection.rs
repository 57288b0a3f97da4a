//! The connection to one room: joins, subscribes to tracks, forwards their packets, and leaves once nothing is
//! attached.

use std::time::Instant;

use rtc::{
    ConnectConfig, LeaveReason,
    subscriber::{self, RoomEvent, Subscriber, TrackEndReason},
};
use tokio::sync::mpsc;

use super::{
    access::RoomAccess,
    convert,
    feed::{Command, FeedEnd, FeedEvent},
    open_rooms::{OpenRooms, RoomKey},
    presence::{self, Presence},
    track_router::TrackRouter,
};
use crate::failure::Failure;

/// The task that owns the connection to one room.
pub struct RoomConnection {
    pub key: RoomKey,
    pub open_rooms: OpenRooms,
    pub access: RoomAccess,
    pub commands: mpsc::UnboundedReceiver<Command>,
    pub router: TrackRouter,
}

impl RoomConnection {
    /// Returns when the room has been left.
    #[tracing::instrument(skip_all, fields(room.name = self.key.name, room.sid = %self.key.sid))]
    pub async fn run(mut self) {
        // Joins again only if a feed attached between the last departure and `close`.
        while !self.open_rooms.close(&self.key, &self.commands) {
            match self.join().await {
                Some(Ok(mut joined)) => {
                    let end = self.forward(&mut joined).await;
                    end.into_iter().for_each(|end| self.end_feeds(&end));
                    joined.subscriber.leave().await;
                }
                Some(Err(end)) => self.end_feeds(&end),
                None => {}
            }
        }
        tracing::debug!("left the room");
    }

    /// Joins the room if it is still the requested one. Returns `None` once no feed is attached any more.
    async fn join(&mut self) -> Option<Result<JoinedRoom, FeedEnd>> {
        let (key, access) = (self.key.clone(), self.access.clone());
        let mut joining = std::pin::pin!(join(&key, &access));
        loop {
            tokio::select! {
                joined = &mut joining => return Some(joined),
                command = self.commands.recv() => {
                    self.handle_command(command?, None);
                    if self.router.is_empty() {
                        return None;
                    }
                }
            }
        }
    }

    /// Forwards events until no feed is attached (`None`) or the room has ended.
    async fn forward(&mut self, joined: &mut JoinedRoom) -> Option<FeedEnd> {
        loop {
            tokio::select! {
                command = self.commands.recv() => {
                    self.handle_command(command?, Some(&joined.subscriber));
                    if self.router.is_empty() {
                        return None;
                    }
                }
                event = joined.events.recv() => {
                    let Some(event) = event else { return Some(FeedEnd::ConnectionLost) };
                    if let Some(end) = self.handle_event(event) {
                        return Some(end);
                    }
                }
            }
        }
    }

    fn handle_command(&mut self, command: Command, subscriber: Option<&Subscriber>) {
        match command {
            Command::Attach(feed) => self.router.attach(feed),
            Command::Subscribe { track_sid } => {
                // Feeds subscribe only to tracks that are published, so there is a subscriber.
                subscriber
                    .into_iter()
                    .for_each(|subscriber| subscriber.subscribe(track_sid.as_str()));
            }
            Command::Detach { id } => {
                let unused = self.router.detach(id);
                subscriber
                    .zip(unused)
                    .into_iter()
                    .for_each(|(subscriber, sid)| subscriber.unsubscribe(sid.as_str()));
            }
        }
    }

    /// Routes an event to its feeds. Returns why the room has ended, if it has.
    fn handle_event(&mut self, event: RoomEvent) -> Option<FeedEnd> {
        match event {
            RoomEvent::TrackPublished(track) | RoomEvent::TrackChanged(track) => self.router.published(track),
            RoomEvent::Joined => self.router.joined(),
            RoomEvent::TrackMuted { sid, muted } => self.router.muted(&convert::track_sid(&sid), muted),
            RoomEvent::TrackUnpublished { sid } => self.router.unpublished(&convert::track_sid(&sid)),
            RoomEvent::Packet { sid, packet } => self.send(&sid, || FeedEvent::Packet(convert::packet(&packet))),
            RoomEvent::SenderReport { sid, report } => {
                self.send(&sid, || FeedEvent::SenderReport(convert::sender_report(&report)));
            }
            RoomEvent::SubscriptionFailed { sid, error } => {
                let failure = Failure::subscription(&sid, error);
                self.send(&sid, || FeedEvent::Ended(FeedEnd::Refused(failure.clone())));
            }
            RoomEvent::TrackEnded {
                sid,
                reason: TrackEndReason::Failed,
            } => self.send(&sid, || FeedEvent::Ended(FeedEnd::ConnectionLost)),
            // The feed got its end when the track was unpublished, or is detached if we unsubscribed.
            RoomEvent::TrackEnded { .. } | RoomEvent::TrackSubscribed { .. } | RoomEvent::Resumed => {}
            RoomEvent::Reconnecting => tracing::warn!("lost the connection to the room; reconnecting"),
            RoomEvent::Dropped { count } => tracing::error!(count, "packets were dropped: this machine is too slow"),
            RoomEvent::Left(reason) => return Some(feed_end(&reason)),
        }
        None
    }

    fn send(&self, sid: &rtc::TrackSid, event: impl Fn() -> FeedEvent) {
        self.router.send(&convert::track_sid(sid), event);
    }

    /// Ends every feed. Their recordings detach later, and never attach to this router again.
    fn end_feeds(&mut self, end: &FeedEnd) {
        self.router.broadcast(|| FeedEvent::Ended(end.clone()));
        self.router = TrackRouter::default();
    }
}

/// A room that has been joined.
struct JoinedRoom {
    subscriber: Subscriber,
    events: mpsc::Receiver<RoomEvent>,
}

async fn join(key: &RoomKey, access: &RoomAccess) -> Result<JoinedRoom, FeedEnd> {
    let gone = || FeedEnd::Refused(Failure::room_not_found(&key.name));
    if presence::query(access, key).await == Presence::Gone {
        return Err(gone());
    }
    let (token_key, room, identity) = (access.api_key.clone(), key.name.clone(), access.identity.clone());
    token_key
        .recorder_token(&room, &identity)
        .map_err(|error| FeedEnd::Refused(Failure::join(&error)))?;
    let token = move || {
        token_key
            .recorder_token(&room, &identity)
            .expect("the same token was created a moment ago")
    };
    let joined = subscriber::join(ConnectConfig::new(access.url.clone(), token)).await;
    let (subscriber, events) = joined.map_err(|error| FeedEnd::Refused(Failure::join(&error)))?;
    // The room may have been closed and created again between the query and the join.
    if presence::compare(key, Some(&convert::room_sid(&subscriber.room_sid()))) == Presence::Gone {
        subscriber.leave().await;
        return Err(gone());
    }
    Ok(JoinedRoom { subscriber, events })
}

fn feed_end(reason: &LeaveReason) -> FeedEnd {
    match reason {
        LeaveReason::ClientInitiated
        | LeaveReason::RoomClosed
        | LeaveReason::Removed
        | LeaveReason::RoomChanged { .. } => FeedEnd::SourceClosed,
        LeaveReason::DuplicateIdentity
        | LeaveReason::MediaUnreachable
        | LeaveReason::NoMedia(_)
        | LeaveReason::Disconnected { .. } => FeedEnd::ConnectionLost,
    }
}
