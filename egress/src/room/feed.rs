//! The events of one track, as one recording receives them.

use std::{ops::RangeInclusive, time::Instant};

use domain::{PlatformCaptureId as EgressId, PlatformRoomKey, TrackSid};
use media::{MuteState, RtpPacket, SenderReport, WallClock};
use rtc::TrackInfo;
use tokio::sync::mpsc;

use super::feed_queue::{FeedReceiver, FeedSender};
use crate::failure::Failure;

/// Which track to attach to, and for which egress.
#[derive(Clone, Debug)]
pub struct AttachRequest {
    pub room_name: String,
    /// Empty if the request named none: then any room of this name is meant.
    pub room_sid: PlatformRoomKey,
    pub track_sid: TrackSid,
    /// Announced to the room for as long as the feed lives.
    pub egress_id: EgressId,
    /// The clock of a recording that is continued. Its track was published before: it ends with
    /// [`FeedEnd::SourceClosed`] if the room does not list it within 10 s after the join.
    pub clock: Option<WallClock>,
}

/// An event of the track. Events arrive in order.
#[derive(Debug)]
pub enum FeedEvent {
    /// The track is published. Sent again whenever its properties change.
    Published(Box<TrackInfo>),
    /// The room is joined. If the track is published now, `Published` came before. Sent once.
    Joined,
    Mute(MuteState),
    Packet(RtpPacket),
    SenderReport(SenderReport),
    /// The connection that carried the track is lost since this time. The room is joined again for as long as it
    /// exists.
    Lost(Instant),
    /// The following packets come from a new connection.
    Reconnected(Instant),
    /// Packets that arrived at these times were dropped, because they were not read for too long.
    Dropped(RangeInclusive<Instant>),
    /// Why no packets arrive, by name. Attempts go on; this ends nothing.
    Trouble(Failure),
    /// The track has ended. Only packets that were already on their way may follow.
    Ended(FeedEnd),
}

/// Why a track ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEnd {
    /// The track was unpublished, its publisher left, the room closed, or the recorder was removed from it.
    SourceClosed,
    /// The task that owns the room's connections is gone. Never sent for a lost connection, which is restored.
    ConnectionLost,
    /// The track cannot be recorded.
    Refused(Failure),
}

/// Identifies a feed within this worker.
pub(super) type FeedId = u64;

/// A command from a feed to its room connection.
#[derive(Debug)]
pub(super) enum Command {
    Attach(Attachment),
    Subscribe { track_sid: TrackSid },
    Detach { id: FeedId },
}

/// A new feed, as its room sees it.
#[derive(Debug)]
pub(super) struct Attachment {
    pub id: FeedId,
    pub track_sid: TrackSid,
    pub egress_id: EgressId,
    /// Whether the track was published before, so that it has ended if the room does not list it.
    pub is_continued: bool,
    /// Whether the feed knows that the room is joined.
    pub is_joined: bool,
    pub events: FeedSender,
}

/// A recording's attachment to one track; dropping it detaches.
#[derive(Debug)]
pub struct TrackFeed {
    pub(super) id: FeedId,
    pub(super) track_sid: TrackSid,
    pub(super) wall: WallClock,
    pub(super) events: FeedReceiver,
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

    /// The clock of the recording: the one it brought, or else that of its room, which all its tracks share.
    pub fn wall(&self) -> WallClock {
        self.wall
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
