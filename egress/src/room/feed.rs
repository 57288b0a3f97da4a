//! The events of one track, as one recording receives them.

use std::time::Instant;

use domain::TrackSid;
use media::{MuteState, RtpPacket, SenderReport};
use rtc::TrackInfo;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// An event of the track. Events arrive in order.
#[derive(Debug)]
pub enum FeedEvent {
    /// The track is published. Sent again whenever its properties change.
    Published(Box<TrackInfo>),
    Mute(MuteState),
    Packet(RtpPacket),
    SenderReport(SenderReport),
    /// The following packets come from a new connection.
    Reconnected(Instant),
    /// The track has ended. Only packets that were already on their way may follow.
    Ended(FeedEnd),
}

/// Why a track ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEnd {
    /// The track was unpublished, its publisher left, the room closed, or the recorder was removed from it.
    SourceClosed,
    /// Our connection failed and could not be restored.
    ConnectionLost,
    /// The track cannot be recorded.
    Refused(Failure),
}

/// Identifies a feed within this worker.
pub(super) type FeedId = u64;

/// A command from a feed to its room connection.
#[derive(Debug)]
pub(super) enum Command {
    Attach {
        id: FeedId,
        track_sid: TrackSid,
        events: FeedSender,
    },
    Subscribe {
        track_sid: TrackSid,
    },
    Detach {
        id: FeedId,
    },
}

/// Unbounded: a disk that stalls for a minute costs 300 kB per track here and loses no packet.
pub(super) type FeedSender = mpsc::UnboundedSender<FeedEvent>;

/// A recording's attachment to one track; dropping it detaches.
#[derive(Debug)]
pub struct TrackFeed {
    pub(super) id: FeedId,
    pub(super) track_sid: TrackSid,
    pub(super) events: mpsc::UnboundedReceiver<FeedEvent>,
    pub(super) room: mpsc::UnboundedSender<Command>,
}

impl TrackFeed {
    /// Returns the next event. After the last one it returns `Ended(ConnectionLost)`, however often it is called.
    pub async fn next(&mut self) -> FeedEvent {
        self.events
            .recv()
            .await
            .unwrap_or(FeedEvent::Ended(FeedEnd::ConnectionLost))
    }

    /// Requests the track's packets. To be called once the track is published.
    pub fn subscribe(&self) {
        let _room_is_closed = self.room.send(Command::Subscribe {
            track_sid: self.track_sid.clone(),
        });
    }
}

impl Drop for TrackFeed {
    fn drop(&mut self) {
        let _room_is_closed = self.room.send(Command::Detach { id: self.id });
    }
}
