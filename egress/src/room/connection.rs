//! The task of one room: takes commands of its feeds, runs its connections, and leaves once nothing is attached.

use std::time::{Duration, Instant};

use rtc::{LeaveReason, subscriber::RoomEvent};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{
    access::RoomAccess,
    core::{RoomCore, Silence},
    feed::{Command, FeedEnd},
    link::LinkEvent,
    links::{LinkId, Links},
    open_rooms::{OpenRooms, RoomKey},
    silent_tracks::SilentTracks,
};
#[cfg(test)]
use crate::faults;
use crate::{failure::Failure, metrics};

/// Between two checks for silent and missing tracks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// What the task of a room works with.
pub(super) struct RoomContext {
    pub key: RoomKey,
    pub open_rooms: OpenRooms,
    pub access: RoomAccess,
    pub silent_tracks: SilentTracks,
}

/// The task that owns the connections to one room.
pub(super) struct RoomConnection {
    context: RoomContext,
    commands: mpsc::UnboundedReceiver<Command>,
    /// The room that is joined. Its sid becomes known with the first join if the request named none.
    room: RoomKey,
    core: RoomCore,
    links: Links,
    /// Whether what the connections announce may have changed.
    is_announcement_due: bool,
}

impl RoomConnection {
    pub fn new(context: RoomContext, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        Self {
            room: context.key.clone(),
            context,
            commands,
            core: RoomCore::default(),
            links: Links::default(),
            is_announcement_due: false,
        }
    }

    /// Returns when the room has been left.
    #[tracing::instrument(skip_all, fields(room.name = self.context.key.name, room.sid = %self.context.key.sid))]
    pub async fn run(mut self) {
        // Joins again only if a feed attached between the last departure and `close`.
        while !self.context.open_rooms.close(&self.context.key, &self.commands) {
            self.serve().await;
            self.links.leave().await;
            self.core = RoomCore::default();
            self.room = self.context.key.clone();
        }
        self.context.silent_tracks.set(&self.context.key, Silence::default());
        tracing::debug!("left the room");
    }

    /// Returns once no feed is attached.
    async fn serve(&mut self) {
        let mut checks = interval(CHECK_INTERVAL);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(command) = self.commands.recv() => self.handle_command(command),
                (link, event) = self.links.next() => self.handle_event(link, event),
                _ = checks.tick() => self.check(),
            }
            self.apply_effects();
            if !self.commands.is_empty() {
                continue;
            }
            if self.core.is_idle() {
                return;
            }
            if std::mem::take(&mut self.is_announcement_due) {
                self.links.announce(self.core.announcements());
            }
        }
    }

    fn handle_command(&mut self, command: Command) {
        let now = Instant::now();
        self.is_announcement_due = true;
        match command {
            Command::Attach(feed) => self.core.attach(now, feed),
            Command::Subscribe { track_sid } => self.core.subscribe(now, track_sid.as_str()),
            Command::Detach { id } => self.core.detach(id),
        }
    }

    fn handle_event(&mut self, link: LinkId, event: LinkEvent) {
        match event {
            LinkEvent::Room(event) => self.handle_room_event(link, event),
            LinkEvent::Entered(sid) => {
                self.room.sid = sid;
                self.is_announcement_due = true;
            }
            LinkEvent::Lost { at, reason } => self.handle_lost(link, at, &reason),
            LinkEvent::Failed(failure) => {
                tracing::info!("cannot join the room yet: {failure}");
                self.core.trouble(link, &failure);
            }
            LinkEvent::Refused(failure) => self.core.refuse(link, &failure),
            LinkEvent::Gone => {
                let failure = Failure::room_not_found(&self.room.name);
                self.core.end(&FeedEnd::Refused(failure));
            }
        }
    }

    fn handle_room_event(&mut self, link: LinkId, event: RoomEvent) {
        match event {
            RoomEvent::Dropped { count, from, until } => {
                metrics::packets_dropped(count);
                tracing::error!(count, "packets were dropped: this machine is too slow");
                self.core.dropped(link, from..=until);
            }
            RoomEvent::Joined => {
                if self.core.has_joined() {
                    metrics::room_reconnected("join");
                }
                self.core.handle_event(Instant::now(), link, RoomEvent::Joined);
            }
            event => {
                match event {
                    RoomEvent::Reconnecting => tracing::warn!("lost the signalling connection to the room"),
                    RoomEvent::Resumed => metrics::room_reconnected("resume"),
                    _ => {}
                }
                self.core.handle_event(Instant::now(), link, event);
            }
        }
    }

    fn handle_lost(&mut self, link: LinkId, at: Instant, reason: &LeaveReason) {
        let name = match reason {
            LeaveReason::MediaUnreachable => "media_unreachable",
            LeaveReason::NoMedia(_) => "no_media",
            LeaveReason::DuplicateIdentity => "duplicate_identity",
            LeaveReason::RoomChanged { .. } => "room_changed",
            _ => "disconnected",
        };
        metrics::room_lost(name);
        tracing::warn!("lost the connection to the room, joining it again: {reason}");
        self.core.lost(Instant::now(), link, at);
        self.core.trouble(link, &Failure::connection(reason));
    }

    fn check(&mut self) {
        #[cfg(test)]
        faults::pass(faults::Point::Room, self.context.key.sid.as_str());
        let now = Instant::now();
        self.is_announcement_due = true; // that we are alive, too
        self.core.handle_timeout(now);
        self.context
            .silent_tracks
            .set(&self.context.key, self.core.silence(now));
    }

    fn apply_effects(&mut self) {
        for effect in self.core.take_effects() {
            self.is_announcement_due = true;
            self.links.apply(effect, &self.context.access, &self.room);
        }
    }
}
