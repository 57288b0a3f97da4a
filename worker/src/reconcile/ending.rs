//! Ends live rooms that should be over: only recorders have been there for the departure time, the meeting lasts longer than
//! any may, or livekit-server crashed and goes on listing people who are gone.
//!
//! The platform is asked to end the room, and its word closes the meeting, as always: a webhook, or two polls without the
//! room. A guess that turns out wrong costs people their connection, not their recording.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    PlatformRoomKey,
    meeting::{LiveRoom, MeetingHead},
    participant::ParticipantKind,
};
use metrics::counter;
use platform::Platform;

use super::ReconcileError;
use crate::context::WorkerContext;

/// What is added to the departure time, so that the platform ends its room by itself if it can.
const DEPARTURE_MARGIN: TimeDelta = TimeDelta::seconds(30);

/// How long the platform may list people in a room that it does not serve. Long enough for a restart on another machine, and
/// for everybody to connect again: a room that is served again is no longer silent.
const SILENT_FOR: TimeDelta = TimeDelta::minutes(5);

/// A room that was not listed for this long is forgotten.
const FORGET_AFTER: TimeDelta = TimeDelta::minutes(10);

/// When meetings end that the platform would let go on.
#[derive(Clone, Copy, Debug)]
pub struct EndLimits {
    /// How long only recorders may be in a room.
    pub departure: TimeDelta,
    /// How long a meeting may last; `None` for no limit.
    pub longest: Option<TimeDelta>,
}

/// Why a room is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    OnlyRecorders,
    TooLong,
    /// The platform lists people and does not serve the room.
    Silent,
}

/// What this process has seen of the live rooms of open meetings.
#[derive(Debug, Default)]
pub struct Vacancies(Mutex<HashMap<PlatformRoomKey, Vacancy>>);

/// Since when something is missing in a room.
#[derive(Clone, Copy, Debug)]
struct Vacancy {
    without_people: Option<DateTime<Utc>>,
    silent: Option<DateTime<Utc>>,
    seen_at: DateTime<Utc>,
}

/// What a list shows of a room.
#[derive(Clone, Copy, Debug)]
struct Seen {
    has_people: bool,
    is_served: bool,
    at: DateTime<Utc>,
}

/// Ends the room of an open meeting if it should be over.
pub async fn reconcile_room(
    ctx: &WorkerContext,
    platform: &Arc<dyn Platform>,
    live: &LiveRoom,
    meeting: &MeetingHead,
) -> Result<(), ReconcileError> {
    let has_people = live.participants.iter().any(|p| p.participant.kind.is_person());
    let seen = Seen {
        has_people,
        is_served: !has_people || has_live_recorder(live) || platform.is_served(&live.room).await?,
        at: live.listed_at,
    };
    let Some(reason) = ctx
        .vacancies
        .note(&live.room.key, seen)
        .ends(meeting, ctx.end_limits, seen.at)
    else {
        return Ok(());
    };
    tracing::warn!(meeting.id = %meeting.id, room = %live.room.key, %reason, "ending a room");
    counter!("trackscribe_rooms_ended_total", "reason" => reason.as_str()).increment(1);
    Ok(platform.delete_room(&live.room).await?)
}

/// Whether a recorder of ours that is alive is in the room: then the platform serves it.
fn has_live_recorder(live: &LiveRoom) -> bool {
    let is_live =
        |p: &domain::meeting::LiveParticipant| p.participant.kind == ParticipantKind::Recorder && p.beat.is_some();
    live.participants.iter().any(is_live)
}

impl Vacancies {
    /// Notes what a list shows, and returns since when something is missing.
    fn note(&self, room: &PlatformRoomKey, seen: Seen) -> Vacancy {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|_, vacancy| seen.at - vacancy.seen_at < FORGET_AFTER);
        let before = rooms.get(room).copied();
        let since = |is_missing: bool, before: Option<DateTime<Utc>>| is_missing.then(|| before.unwrap_or(seen.at));
        let now = Vacancy {
            without_people: since(!seen.has_people, before.and_then(|b| b.without_people)),
            silent: since(!seen.is_served, before.and_then(|b| b.silent)),
            seen_at: seen.at,
        };
        rooms.insert(room.clone(), now);
        now
    }
}

impl Vacancy {
    fn ends(&self, meeting: &MeetingHead, limits: EndLimits, now: DateTime<Utc>) -> Option<EndReason> {
        let for_at_least = |since: Option<DateTime<Utc>>, time: TimeDelta| since.is_some_and(|at| now - at >= time);
        if for_at_least(self.without_people, limits.departure + DEPARTURE_MARGIN) {
            return Some(EndReason::OnlyRecorders);
        }
        if for_at_least(self.silent, SILENT_FOR) {
            return Some(EndReason::Silent);
        }
        let is_too_long = limits
            .longest
            .is_some_and(|longest| now - meeting.started_at >= longest);
        is_too_long.then_some(EndReason::TooLong)
    }
}

impl EndReason {
    /// Returns the word of logs and metrics.
    fn as_str(self) -> &'static str {
        match self {
            Self::OnlyRecorders => "only_recorders",
            Self::TooLong => "too_long",
            Self::Silent => "silent",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
