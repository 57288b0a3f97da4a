//! What a subscriber reports.

use std::time::Instant;

use crate::{
    error::{LeaveReason, SubscriptionError},
    ids::TrackSid,
    packet::{RtpPacket, SenderReport},
    track_info::TrackInfo,
};

/// Something that happened in the room.
///
/// For each track, `TrackPublished` comes first, then what follows from subscribing to it; nothing follows
/// `TrackEnded` unless the track is subscribed to again.
#[derive(Debug)]
pub enum RoomEvent {
    /// A track is published. Also sent for tracks found at the join or after an interruption.
    TrackPublished(TrackInfo),
    /// The room is joined: every track that was published at that moment has been reported. Sent once.
    Joined,
    /// A track was muted or unmuted.
    TrackMuted {
        /// The track.
        sid: TrackSid,
        /// Whether it is muted now.
        muted: bool,
    },
    /// Something other than the mute state changed, such as the encryption, or a codec that became known.
    TrackChanged(TrackInfo),
    /// A track is no longer published.
    TrackUnpublished {
        /// The track.
        sid: TrackSid,
    },
    /// The server has offered a subscribed track: packets may arrive.
    TrackSubscribed {
        /// The track.
        sid: TrackSid,
    },
    /// A track cannot be received; the subscription is cancelled.
    SubscriptionFailed {
        /// The track.
        sid: TrackSid,
        /// Why it cannot be received.
        error: SubscriptionError,
    },
    /// The media connection is up for the first time: ICE and DTLS are connected.
    MediaConnected,
    /// A packet arrived.
    Packet {
        /// The track that it belongs to.
        sid: TrackSid,
        /// The packet as it arrived.
        packet: RtpPacket,
    },
    /// A sender report arrived.
    SenderReport {
        /// The track that it belongs to.
        sid: TrackSid,
        /// The report as it arrived.
        report: SenderReport,
    },
    /// A subscribed track has ended. Sent 300 ms after the end became known, so that late packets come before.
    TrackEnded {
        /// The track.
        sid: TrackSid,
        /// Why it ended.
        reason: TrackEndReason,
    },
    /// Signalling is lost and is being restored. Media may go on.
    Reconnecting,
    /// Signalling is back. Media went on over the same connection: SSRCs and sequence numbers continue.
    Resumed,
    /// Packets and sender reports were dropped because events were read too slowly.
    Dropped {
        /// How many since the last such event.
        count: u64,
        /// When the first was dropped.
        from: Instant,
        /// When the last was dropped.
        until: Instant,
    },
    /// The subscriber has left the room, which ends all tracks. Nothing follows.
    Left(LeaveReason),
}

/// Why a subscribed track ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackEndReason {
    /// Its publisher unpublished it or left.
    Unpublished,
    /// We unsubscribed.
    Unsubscribed,
    /// The server stopped sending it and did not resume.
    Failed,
}
