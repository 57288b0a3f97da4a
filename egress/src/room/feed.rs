//! What one recording hears of its track.

use std::time::Instant;

use media::{MuteState, RtpPacket, SenderReport};
use rtc::TrackInfo;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// A track's events, in order.
#[derive(Debug)]
pub enum FeedEvent {
    /// The track is in the room; again whenever something about it changed.
    Found(Box<TrackInfo>),
    Mute(MuteState),
    Packet(RtpPacket),
    SenderReport(SenderReport),
    /// The packets to come are those of a new connection.
    Reconnected(Instant),
    /// Only packets that were under way may follow.
    Ended(FeedEnd),
}

/// Why a track ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEnd {
    /// Unpublished, its publisher or the room gone, or the recorder removed from the room.
    SourceClosed,
    /// Our connection is gone for good.
    ConnectionLost,
    /// It cannot be recorded.
    Refused(Failure),
}

/// Which feed.
pub(super) type FeedId = u64;

/// What a recording asks of its room.
#[derive(Debug)]
pub(super) enum Command {
    Attach {
        id: FeedId,
        track_sid: String,
        events: FeedSender,
    },
    Subscribe {
        track_sid: String,
    },
    Detach {
        id: FeedId,
    },
}

/// Without a bound: a disk that stalls for a minute costs 300 kB a track here, and nothing of the recording.
pub(super) type FeedSender = mpsc::UnboundedSender<FeedEvent>;

/// The line to one track; dropping it ends the interest in the track.
#[derive(Debug)]
pub struct Feed {
    pub(super) id: FeedId,
    pub(super) track_sid: String,
    pub(super) events: mpsc::UnboundedReceiver<FeedEvent>,
    pub(super) room: mpsc::UnboundedSender<Command>,
}

impl Feed {
    /// The next event. After the last one it says that the connection is lost.
    pub async fn next(&mut self) -> FeedEvent {
        self.events
            .recv()
            .await
            .unwrap_or(FeedEvent::Ended(FeedEnd::ConnectionLost))
    }

    /// Asks for the track's packets, once it was found.
    pub fn subscribe(&self) {
        let _room_is_gone = self.room.send(Command::Subscribe {
            track_sid: self.track_sid.clone(),
        });
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _room_is_gone = self.room.send(Command::Detach { id: self.id });
    }
}
