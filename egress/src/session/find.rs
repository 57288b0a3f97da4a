//! Waits until the track is published, checks that it can be recorded, and subscribes to it.

use std::time::{Duration, Instant};

use rtc::TrackInfo;
use tokio::time::sleep_until;

use super::{
    context::{Interrupted, Session, Signal},
    name::TrackValues,
    outcome::{FoundTrack, RecordingEnd},
    state::EndReason,
    track,
};
use crate::{
    clock,
    failure::Failure,
    room::{FeedEnd, FeedEvent, TrackFeed},
};

/// The longest wait for the track in a room that is joined: LiveKit's own figure.
const TRACK_TIMEOUT: Duration = Duration::from_secs(30);

/// How the search for a track ended.
pub enum Found {
    Published(Box<TrackInfo>),
    Ended(RecordingEnd),
    Interrupted(Interrupted),
}

/// Waits for the track, as long as livekit-server does not answer, and [`TRACK_TIMEOUT`] once the room is joined.
pub async fn find(session: &Session, feed: &mut TrackFeed) -> Found {
    let mut deadline: Option<Instant> = None;
    loop {
        tokio::select! {
            signal = session.signals.received() => return signal.into(),
            () = until(deadline) => return Found::Ended(Failure::track_not_found(&session.spec.track_sid).into()),
            event = feed.next() => match event {
                FeedEvent::Published(track) => return Found::Published(track),
                FeedEvent::Ended(end) => return end_of(end).map_or_else(Found::Interrupted, Found::Ended),
                FeedEvent::Joined => deadline = Some(Instant::now() + TRACK_TIMEOUT),
                _ => {}
            },
        }
    }
}

/// Checks a track, and names its recording.
pub fn check(session: &Session, track: &TrackInfo, feed: &TrackFeed) -> Result<FoundTrack, Failure> {
    let publisher = track::check(track)?;
    let values = TrackValues {
        track_source: &publisher.source,
        publisher_identity: &publisher.identity,
    };
    let wall = feed.wall();
    Ok(FoundTrack {
        name: session.spec.name.resolve(&values).map_err(Failure::name)?,
        found_at: wall.unix_nanos_at(Instant::now()),
        clock: clock::save(&wall),
        publisher,
    })
}

/// Waits until `deadline`, if there is one.
pub async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Returns what the end of a feed means for its recording.
pub fn end_of(end: FeedEnd) -> Result<RecordingEnd, Interrupted> {
    match end {
        FeedEnd::SourceClosed => Ok(RecordingEnd::Stopped(EndReason::SourceClosed)),
        FeedEnd::Refused(failure) => Ok(RecordingEnd::Failed(failure)),
        FeedEnd::ConnectionLost => Err(Interrupted::RoomLost),
    }
}

impl From<Signal> for Found {
    fn from(signal: Signal) -> Self {
        match signal.end() {
            Some(end) => Self::Ended(end),
            None => Self::Interrupted(Interrupted::Suspended),
        }
    }
}
