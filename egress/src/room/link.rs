//! One connection to a room: joins it, and joins again for as long as livekit-server does not say that it is gone.

use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use domain::{PlatformCaptureId as EgressId, PlatformRoomKey};
use rtc::{
    LeaveReason, TrackSid,
    subscriber::{RoomEvent, Subscriber},
};
use tokio::{sync::mpsc, time::sleep};

use super::{
    access::RoomAccess,
    convert,
    join::{JoinFailure, JoinedRoom, join},
    open_rooms::RoomKey,
    presence,
};
use crate::failure::Failure;

/// The wait after the first failed attempt to join. It doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait: a server that answers again is joined within a second.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// A connection that lasted for less is one more failure, so that a server which drops us at once is not joined in a loop.
const STABLE_AFTER: Duration = Duration::from_secs(5);

/// Attributes of our participant that name the egresses it records begin with this.
const ATTRIBUTE_PREFIX: &str = "trackscribe.egress.";

/// The attribute of our participant by which it shows that it is alive: a number that grows. livekit-server lists a
/// participant whose recorder died together with an earlier livekit-server until the room ends, but it cannot count.
const BEAT_ATTRIBUTE: &str = "trackscribe.beat";

/// How often the number grows. Our participant is hidden, so that livekit-server tells no client but ourselves.
const BEAT_INTERVAL: Duration = Duration::from_secs(10);

/// An event of a connection.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// Joined the room with this sid; its tracks follow.
    Entered(PlatformRoomKey),
    Room(RoomEvent),
    /// Lost since this time. The room is being joined again.
    Lost {
        at: Instant,
        reason: LeaveReason,
    },
    /// The room could not be joined. Another attempt follows.
    Failed(Failure),
    /// livekit-server has refused us for a reason that time does not change.
    Refused(Failure),
    /// livekit-server has answered that the room is gone, or somebody has removed us from it.
    Gone,
}

type Joining = Pin<Box<dyn Future<Output = Result<JoinedRoom, JoinFailure>> + Send>>;

/// A connection to a room, under an identity of its own.
///
/// It keeps its identity when it joins again, so that the new participant takes the place of the lost one: livekit-server
/// would list the lost one, with what it announced, for up to 20 s more, and after a crash of its own for as long as the
/// room exists. It changes its identity if media failed, because livekit-server remembers by identity which transport it
/// believes to work.
pub(super) struct Link {
    access: RoomAccess,
    room: RoomKey,
    identity: String,
    state: State,
    /// Attempts in a row that failed, or whose connection did not last.
    failures: u32,
    joined_at: Instant,
    /// What our participant announces now.
    announced: BTreeSet<EgressId>,
    /// The number by which our participant shows that it is alive, and when it was announced; `None` in a new connection.
    beats: u64,
    beaten_at: Option<Instant>,
    /// Since when signalling is lost, while it is being resumed.
    resuming_since: Option<Instant>,
    /// When the last packet or sender report arrived. livekit-server sends a report every 3 s also of tracks that are silent.
    last_media: Option<Instant>,
}

enum State {
    Joining(Joining),
    Joined {
        subscriber: Subscriber,
        events: mpsc::Receiver<RoomEvent>,
    },
    Ended,
}

impl Link {
    /// Begins to join.
    pub fn open(access: RoomAccess, room: RoomKey) -> Self {
        let identity = access.new_identity();
        let state = State::Joining(Box::pin(join(access.clone(), room.clone(), identity.clone())));
        Self {
            access,
            room,
            identity,
            state,
            failures: 0,
            joined_at: Instant::now(),
            announced: BTreeSet::new(),
            beats: 0,
            beaten_at: None,
            resuming_since: None,
            last_media: None,
        }
    }

    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<LinkEvent> {
        match &mut self.state {
            State::Joining(joining) => {
                let joined = joining.as_mut().poll(context);
                joined.map(|joined| self.handle_join(joined))
            }
            State::Joined { events, .. } => {
                let event = events.poll_recv(context);
                event.map(|event| self.handle_event(event))
            }
            State::Ended => Poll::Pending,
        }
    }

    pub fn subscribe(&mut self, sid: TrackSid) {
        self.subscriber()
            .into_iter()
            .for_each(|subscriber| subscriber.subscribe(&sid));
    }

    pub fn unsubscribe(&mut self, sid: TrackSid) {
        self.subscriber()
            .into_iter()
            .for_each(|subscriber| subscriber.unsubscribe(&sid));
    }

    /// Announces `egresses` and no others, and now and then that we are alive. Does nothing while the room is not joined.
    pub fn announce(&mut self, egresses: BTreeSet<EgressId>) {
        let Some(subscriber) = self.subscriber() else { return };
        let is_beat_due = self.beaten_at.is_none_or(|at| at.elapsed() >= BEAT_INTERVAL);
        let beat = is_beat_due.then(|| (BEAT_ATTRIBUTE.to_owned(), (self.beats + 1).to_string()));
        let attribute = |id: &EgressId, value: &str| (format!("{ATTRIBUTE_PREFIX}{id}"), value.to_owned());
        let begun = egresses.difference(&self.announced).map(|id| attribute(id, "1"));
        let ended = self.announced.difference(&egresses).map(|id| attribute(id, ""));
        let changes: HashMap<_, _> = begun.chain(ended).chain(beat).collect();
        if !changes.is_empty() {
            subscriber.set_attributes(changes);
            self.announced = egresses;
        }
        if is_beat_due {
            self.beats += 1;
            self.beaten_at = Some(Instant::now());
        }
    }

    /// Leaves the room. Returns once the server knows, or after two seconds.
    pub async fn leave(self) {
        let State::Joined { subscriber, events } = self.state else {
            return;
        };
        // The subscriber would wait for somebody to read its last events.
        drop(events);
        subscriber.leave().await;
        if self.resuming_since.is_some() {
            // It could not say that it leaves, and livekit-server would go on sending for 15 s.
            presence::remove(&self.access, &self.room, &self.identity).await;
        }
    }

    fn subscriber(&self) -> Option<&Subscriber> {
        match &self.state {
            State::Joined { subscriber, .. } => Some(subscriber),
            State::Joining(_) | State::Ended => None,
        }
    }

    fn handle_join(&mut self, result: Result<JoinedRoom, JoinFailure>) -> LinkEvent {
        match result {
            Ok(JoinedRoom { subscriber, events }) => {
                let sid = convert::room_sid(&subscriber.room_sid());
                // From now on only this room is meant.
                self.room.sid = sid.clone();
                self.joined_at = Instant::now();
                self.announced.clear();
                self.beaten_at = None;
                self.state = State::Joined { subscriber, events };
                LinkEvent::Entered(sid)
            }
            Err(JoinFailure::Gone) => self.end(LinkEvent::Gone),
            Err(JoinFailure::Failed { failure, is_final }) => {
                self.failures += 1;
                self.join_again(wait_after(self.failures));
                if is_final {
                    LinkEvent::Refused(failure)
                } else {
                    LinkEvent::Failed(failure)
                }
            }
        }
    }

    fn handle_event(&mut self, event: Option<RoomEvent>) -> LinkEvent {
        let event = event.unwrap_or_else(|| {
            RoomEvent::Left(LeaveReason::Disconnected {
                cause: "the client has ended".to_owned(),
            })
        });
        match event {
            RoomEvent::Left(reason) => return self.handle_left(reason),
            RoomEvent::Packet { ref packet, .. } => self.last_media = Some(packet.arrival),
            RoomEvent::SenderReport { ref report, .. } => self.last_media = Some(report.arrival),
            RoomEvent::Reconnecting => self.resuming_since = Some(Instant::now()),
            RoomEvent::Resumed => self.resuming_since = None,
            _ => {}
        }
        LinkEvent::Room(event)
    }

    fn handle_left(&mut self, reason: LeaveReason) -> LinkEvent {
        let now = Instant::now();
        let at = match reason {
            LeaveReason::RoomClosed | LeaveReason::Removed | LeaveReason::ClientInitiated => {
                return self.end(LinkEvent::Gone);
            }
            LeaveReason::NoMedia(since) => now.checked_sub(since).unwrap_or(now),
            // Media may have gone on while signalling was being resumed. Or the network was gone before we noticed.
            _ => self
                .resuming_since
                .map_or(now, |since| self.last_media.unwrap_or(since)),
        };
        if let LeaveReason::MediaUnreachable | LeaveReason::NoMedia(_) | LeaveReason::DuplicateIdentity = reason {
            self.identity = self.access.new_identity();
        }
        self.resuming_since = None;
        let is_stable = now.duration_since(self.joined_at) >= STABLE_AFTER;
        self.failures = if is_stable { 0 } else { self.failures + 1 };
        self.join_again(wait_after(self.failures));
        LinkEvent::Lost { at, reason }
    }

    fn join_again(&mut self, wait: Duration) {
        let join = join(self.access.clone(), self.room.clone(), self.identity.clone());
        self.state = State::Joining(Box::pin(async move {
            sleep(wait).await;
            join.await
        }));
    }

    fn end(&mut self, event: LinkEvent) -> LinkEvent {
        self.state = State::Ended;
        event
    }
}

fn wait_after(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        Some(doublings) => (FIRST_WAIT * 2u32.pow(doublings.min(10))).min(MAX_WAIT),
        None => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_second() {
        let waits: Vec<_> = (0..=6).map(|failures| wait_after(failures).as_millis()).collect();

        assert_eq!(waits, [0, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(wait_after(u32::MAX), MAX_WAIT);
    }
}
