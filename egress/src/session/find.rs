//! Phase 1: waits until the track is published, checks that it can be recorded, and subscribes to it.

use std::time::{Duration, Instant};

use rtc::TrackInfo;
use tokio::time::timeout;

use super::{
    context::Session,
    name::TrackValues,
    outcome::{FoundTrack, NotStored},
    state::EndReason,
    track,
};
use crate::{
    failure::Failure,
    room::{FeedEnd, FeedEvent, TrackFeed},
};

/// The longest wait for the track and, unless it is muted, for its first packet: LiveKit's own figure.
const TRACK_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn find(session: &Session, feed: &mut TrackFeed) -> Result<FoundTrack, NotStored> {
    let first_packet_deadline = Instant::now() + TRACK_TIMEOUT;
    let track = tokio::select! {
        reason = session.stop_signals.received() => return Err(NotStored::Stopped(reason)),
        published = timeout(TRACK_TIMEOUT, published(feed)) => match published {
            Ok(track) => track?,
            Err(_) => return Err(Failure::track_not_found(&session.spec.track_sid).into()),
        },
    };
    let publisher = track::check(&track)?;
    let values = TrackValues {
        track_source: publisher.source,
        publisher_identity: &publisher.identity,
    };
    let name = session.spec.name.resolve(&values).map_err(Failure::name)?;
    feed.subscribe();
    Ok(FoundTrack {
        publisher,
        name,
        is_muted: track.muted,
        first_packet_deadline,
    })
}

async fn published(feed: &mut TrackFeed) -> Result<TrackInfo, NotStored> {
    loop {
        match feed.next().await {
            FeedEvent::Published(track) => return Ok(*track),
            FeedEvent::Ended(FeedEnd::SourceClosed) => return Err(NotStored::Stopped(EndReason::SourceClosed)),
            FeedEvent::Ended(FeedEnd::ConnectionLost) => return Err(Failure::connection_lost().into()),
            FeedEvent::Ended(FeedEnd::Refused(failure)) => return Err(failure.into()),
            _ => {}
        }
    }
}
