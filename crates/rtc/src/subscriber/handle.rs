//! The handle on a subscriber's session.

use std::{collections::hash_map::RandomState, hash::BuildHasher, time::Instant};

use tokio::sync::{mpsc, watch};

use super::core::{Command, Core};
use crate::{
    config::ConnectConfig,
    driver,
    error::{JoinError, LeaveReason, SubscriptionError},
    packet::{RtpPacket, SenderReport},
    signal::{Limits, Own},
    simulate::Fault,
    track_info::TrackInfo,
};

/// Two seconds of 150 tracks, or five minutes of one. When it is full, packets and sender reports are dropped and
/// counted ([`RoomEvent::Dropped`]); other events wait. Media is never held up by a slow reader.
const EVENT_CAPACITY: usize = 16 * 1024;

/// What happens in the room. Of one track: `TrackPublished` first, then what came of the wish for it; after
/// `TrackEnded` nothing.
#[derive(Debug)]
pub enum RoomEvent {
    /// Also for the tracks that are there at the join, or were found after an interruption.
    TrackPublished(TrackInfo),
    TrackMuted {
        sid: String,
        muted: bool,
    },
    /// Anything but the mute state, as encryption switched on or a codec that became known.
    TrackChanged(TrackInfo),
    TrackUnpublished {
        sid: String,
    },
    /// The server has offered the track: packets may come. Said again after [`RoomEvent::Reconnected`].
    TrackSubscribed {
        sid: String,
    },
    /// The track will not come; the wish for it is withdrawn.
    SubscriptionFailed {
        sid: String,
        error: SubscriptionError,
    },
    Packet {
        sid: String,
        packet: RtpPacket,
    },
    SenderReport {
        sid: String,
        report: SenderReport,
    },
    /// A subscribed track is over, 300 ms after the news of it, so that late packets are in.
    TrackEnded {
        sid: String,
        why: TrackEnd,
    },
    /// Signalling is lost. Media may go on.
    Reconnecting,
    /// The same media connection goes on: SSRCs and sequence numbers as before.
    Resumed,
    /// A new media connection: SSRCs and sequence numbers start anew, wishes are kept.
    Reconnected,
    /// So many packets and sender reports were dropped because events were read too slowly.
    Dropped {
        count: u64,
    },
    /// The session is over and with it every track; nothing follows.
    Left(LeaveReason),
}

/// Why a subscribed track ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackEnd {
    /// By its publisher, or the publisher left.
    Unpublished,
    /// By us.
    Unsubscribed,
    /// The server stopped sending it and did not begin again.
    Failed,
}

/// A handle on a session; cheap to clone. When the last one is dropped the session leaves.
#[derive(Debug, Clone)]
pub struct Subscriber {
    commands: mpsc::UnboundedSender<Command>,
    own: watch::Receiver<Own>,
}

/// Joins with a token that may subscribe. The events begin with what is published already.
pub async fn join(config: ConnectConfig) -> Result<(Subscriber, mpsc::Receiver<RoomEvent>), JoinError> {
    let limits = Limits {
        reconnect_for: config.reconnect_for,
        seed: RandomState::new().hash_one(config.url.as_str()),
    };
    let core = Core::new(Instant::now(), limits);
    let running = driver::start(core, config, EVENT_CAPACITY).await?;
    Ok((
        Subscriber {
            commands: running.commands,
            own: running.own,
        },
        running.events,
    ))
}

impl Subscriber {
    /// Stays the same for the whole session: a room made anew ends it.
    pub fn room_sid(&self) -> String {
        self.own.borrow().room_sid.clone()
    }

    /// Changes with [`RoomEvent::Reconnected`].
    pub fn participant_sid(&self) -> String {
        self.own.borrow().sid.clone()
    }

    pub fn identity(&self) -> String {
        self.own.borrow().identity.clone()
    }

    /// Wishes for a track. Any number at once is fine; repeating it changes nothing.
    pub fn subscribe(&self, track_sid: impl Into<String>) {
        self.command(Command::Subscribe(track_sid.into()));
    }

    /// Withdraws the wish. [`RoomEvent::TrackEnded`] follows if the track had been subscribed.
    pub fn unsubscribe(&self, track_sid: impl Into<String>) {
        self.command(Command::Unsubscribe(track_sid.into()));
    }

    /// Says good-bye and waits until it is said, two seconds at most.
    pub async fn leave(mut self) {
        self.command(Command::Leave);
        while self.own.changed().await.is_ok() {}
    }

    #[doc(hidden)]
    pub fn simulate(&self, fault: Fault) {
        self.command(Command::Simulate(fault));
    }

    fn command(&self, command: Command) {
        // A session that is over says so by its events.
        let _may_be_over = self.commands.send(command);
    }
}
