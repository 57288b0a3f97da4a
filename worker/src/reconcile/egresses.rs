//! Compares open recordings with the platform's egresses, to notice ends whose webhooks were lost.

use std::{collections::BTreeMap, sync::Arc};

use chrono::TimeDelta;
use domain::{MeetingId, event::EgressReport, recording::Recording};
use platform::{Platform, RecordingFilter};
use storage::{StorageError, meetings, recordings, rooms};

use super::ReconcileError;
use crate::{change::change_and_commit, context::WorkerContext, log::chain};

/// Younger recordings are left to their job and their webhooks.
const GRACE_PERIOD: TimeDelta = TimeDelta::seconds(30);

/// Lists the egresses of each meeting that has open recordings, and applies their reports.
pub async fn reconcile(ctx: &WorkerContext, platform: &Arc<dyn Platform>) -> Result<(), ReconcileError> {
    for (meeting, open) in old_open_recordings(ctx).await? {
        let Some(room) = room_of(ctx, meeting, platform).await? else {
            continue;
        };
        match platform.list_recordings(&room, RecordingFilter::All).await {
            Ok(reports) => {
                let is_ours = |report: &&EgressReport| open.iter().any(|recording| is_of(recording, report));
                for report in reports.iter().filter(is_ours) {
                    apply(ctx, meeting, report).await?;
                }
            }
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(meeting.id = %meeting, error, "cannot list the egresses of a room");
            }
        }
    }
    Ok(())
}

async fn old_open_recordings(ctx: &WorkerContext) -> Result<BTreeMap<MeetingId, Vec<Recording>>, StorageError> {
    let mut conn = ctx.conn().await?;
    let requested_before = (ctx.clock)() - GRACE_PERIOD;
    let mut by_meeting: BTreeMap<MeetingId, Vec<Recording>> = BTreeMap::new();
    for recording in recordings::list_open(&mut conn)
        .await?
        .into_iter()
        .filter(|r| r.requested_at < requested_before)
    {
        by_meeting.entry(recording.meeting_id).or_default().push(recording);
    }
    Ok(by_meeting)
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
    if meeting.platform != platform.kind() {
        return Ok(None);
    }
    Ok(rooms::find(&mut conn, meeting.room_id)
        .await?
        .map(|room| room.name.to_string()))
}

fn is_of(recording: &Recording, report: &EgressReport) -> bool {
    match &recording.egress_id {
        Some(id) => report.egress_id.as_ref() == Some(id),
        None => report.track_sid.as_ref() == Some(&recording.track_sid),
    }
}

async fn apply(ctx: &WorkerContext, meeting: MeetingId, report: &EgressReport) -> Result<(), StorageError> {
    change_and_commit(ctx, meeting, |meeting| {
        let change = meeting.apply_report(report, ctx.env());
        if !change.is_empty() {
            let (egress, status) = (&report.egress_id, &report.status);
            tracing::info!(egress.id = ?egress, ?status, "found an egress change without a webhook");
        }
        change
    })
    .await
}
