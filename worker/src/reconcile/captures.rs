//! Compares captures that are open, or that we guess to have failed, with the platform's list, to notice ends whose webhooks
//! were lost.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{MeetingId, capture::Capture, event::CaptureReport};
use platform::{CaptureFilter, Platform};
use storage::{StorageError, captures, meetings, rooms};

use super::{ReconcileError, one};
use crate::{change::change_and_commit, context::WorkerContext};

/// Younger captures are left to their job and their webhooks.
const GRACE_PERIOD: TimeDelta = TimeDelta::seconds(30);

/// How long we ask for the true end of a capture that we guess to have failed. LiveKit lists an ended capture for a day.
const GUESS_DEADLINE: TimeDelta = TimeDelta::days(2);

/// How often we ask for it, once the guess is no longer young.
const GUESS_INTERVAL: TimeDelta = TimeDelta::minutes(5);

/// Lists the captures of each meeting that has such ones, and applies their reports.
pub async fn reconcile(ctx: &WorkerContext, platform: &Arc<dyn Platform>) -> Result<(), ReconcileError> {
    for (meeting, unconfirmed) in unconfirmed_captures(ctx).await? {
        one(
            "captures",
            meeting,
            reconcile_meeting(ctx, platform, meeting, &unconfirmed),
        )
        .await;
    }
    Ok(())
}

async fn reconcile_meeting(
    ctx: &WorkerContext,
    platform: &Arc<dyn Platform>,
    meeting: MeetingId,
    unconfirmed: &[Capture],
) -> Result<(), ReconcileError> {
    let Some(room) = room_of(ctx, meeting, platform).await? else {
        return Ok(());
    };
    let reports = platform.list_captures(&room, CaptureFilter::All).await?;
    let is_news = |report: &&CaptureReport| unconfirmed.iter().any(|capture| is_news_of(capture, report));
    for report in reports.iter().filter(is_news) {
        apply(ctx, meeting, report).await?;
    }
    Ok(())
}

async fn unconfirmed_captures(ctx: &WorkerContext) -> Result<BTreeMap<MeetingId, Vec<Capture>>, StorageError> {
    let now = (ctx.clock)();
    let listed = captures::list_unconfirmed(&mut *ctx.conn().await?, now - GUESS_DEADLINE).await?;
    let mut by_meeting: BTreeMap<MeetingId, Vec<Capture>> = BTreeMap::new();
    for capture in listed.into_iter().filter(|capture| is_due(capture, now)) {
        by_meeting.entry(capture.meeting_id).or_default().push(capture);
    }
    Ok(by_meeting)
}

/// Whether to ask for a capture in this run.
fn is_due(capture: &Capture, now: DateTime<Utc>) -> bool {
    match capture.state.ended_at() {
        None => capture.requested_at < now - GRACE_PERIOD,
        Some(ended_at) if now - ended_at < GUESS_INTERVAL => true,
        Some(ended_at) => {
            (now - ended_at).num_seconds() % GUESS_INTERVAL.num_seconds() <= super::INTERVAL.as_secs() as i64
        }
    }
}

/// Returns the name of the meeting's room, if it is on this platform.
async fn room_of(
    ctx: &WorkerContext,
    meeting: MeetingId,
    platform: &Arc<dyn Platform>,
) -> Result<Option<String>, StorageError> {
    let mut conn = ctx.conn().await?;
    let Some(meeting) = meetings::find(&mut conn, meeting).await? else {
        return Ok(None);
    };
    if meeting.platform_room.platform != platform.kind() {
        return Ok(None);
    }
    if platform.kind().needs_made_rooms() {
        return Ok(Some(meeting.platform_room.key.to_string()));
    }
    Ok(rooms::find(&mut conn, meeting.room_id)
        .await?
        .map(|room| room.name.to_string()))
}

/// Whether a report is of a capture and says more than is known. The domain knows whether a capture that we do not know is
/// one of ours.
fn is_news_of(capture: &Capture, report: &CaptureReport) -> bool {
    let is_new = capture
        .reported_at
        .is_none_or(|known| report.updated_at.is_none_or(|at| at > known));
    is_new
        && match &capture.platform_id {
            Some(id) => report.platform_id.as_ref() == Some(id),
            None => report.track_sid.as_ref() == capture.track().map(|track| &track.sid),
        }
}

async fn apply(ctx: &WorkerContext, meeting: MeetingId, report: &CaptureReport) -> Result<(), StorageError> {
    change_and_commit(ctx, meeting, |meeting| {
        let change = meeting.apply_report(report, ctx.env());
        if !change.is_empty() {
            let (capture, status) = (&report.platform_id, &report.status);
            tracing::info!(capture.platform_id = ?capture, ?status, "found a capture change without a webhook");
        }
        change
    })
    .await
}
