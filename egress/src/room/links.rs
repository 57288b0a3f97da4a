//! The connections to one room, polled together.

use std::{
    collections::{BTreeSet, HashMap},
    future::poll_fn,
    task::Poll,
};

use domain::PlatformCaptureId as EgressId;
use rtc::TrackSid;
use tokio::task::JoinSet;

use super::{
    access::RoomAccess,
    link::{Link, LinkEvent},
    open_rooms::RoomKey,
};

/// Identifies a connection within its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LinkId(pub u64);

/// Something to do on a connection. Done later if the connection is not joined, because it is asked for again then.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Open(LinkId),
    Close(LinkId),
    Subscribe(LinkId, TrackSid),
    Unsubscribe(LinkId, TrackSid),
}

#[derive(Default)]
pub(super) struct Links {
    open: Vec<(LinkId, Link)>,
    /// The index of the one that is asked first next time, so that none has to wait for another forever.
    turn: usize,
    /// Those that are leaving the room.
    closing: JoinSet<()>,
}

impl Links {
    /// Waits for the next event of any connection; forever if there is none.
    pub async fn next(&mut self) -> (LinkId, LinkEvent) {
        poll_fn(|context| {
            for offset in 0..self.open.len() {
                let index = (self.turn + offset) % self.open.len();
                let (id, link) = &mut self.open[index];
                if let Poll::Ready(event) = link.poll_next(context) {
                    self.turn = index + 1;
                    return Poll::Ready((*id, event));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Carries out an effect. A connection that is opened joins `room`.
    pub fn apply(&mut self, effect: Effect, access: &RoomAccess, room: &RoomKey) {
        match effect {
            Effect::Open(id) => self.open.push((id, Link::open(access.clone(), room.clone()))),
            Effect::Close(id) => self.close(id),
            Effect::Subscribe(id, sid) => self.with(id, |link| link.subscribe(sid)),
            Effect::Unsubscribe(id, sid) => self.with(id, |link| link.unsubscribe(sid)),
        }
    }

    /// Announces which egresses each connection records.
    pub fn announce(&mut self, mut announcements: HashMap<LinkId, BTreeSet<EgressId>>) {
        for (id, link) in &mut self.open {
            link.announce(announcements.remove(id).unwrap_or_default());
        }
    }

    /// Leaves the room on all connections. Returns once the server knows, or after two seconds.
    pub async fn leave(&mut self) {
        for (_, link) in self.open.drain(..) {
            self.closing.spawn(link.leave());
        }
        while self.closing.join_next().await.is_some() {}
    }

    fn close(&mut self, id: LinkId) {
        while self.closing.try_join_next().is_some() {}
        if let Some(index) = self.open.iter().position(|(open, _)| *open == id) {
            let (_, link) = self.open.swap_remove(index);
            self.closing.spawn(link.leave());
        }
    }

    fn with(&mut self, id: LinkId, action: impl FnOnce(&mut Link)) {
        if let Some((_, link)) = self.open.iter_mut().find(|(open, _)| *open == id) {
            action(link);
        }
    }
}
