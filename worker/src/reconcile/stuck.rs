//! Fails captures that are still open long after their meeting closed. Their recorder is gone; LiveKit does not
//! monitor it.

use std::collections::BTreeSet;

use domain::MeetingId;
use storage::{StorageError, captures, meetings};

use super::{ReconcileError, one};
use crate::{change::change_and_commit, context::WorkerContext};

/// Fails stuck captures, so that the transcript does not wait for them.
pub async fn reconcile(ctx: &WorkerContext) -> Result<(), ReconcileError> {
    let open = captures::list_open(&mut *ctx.conn().await?).await?;
    let meetings: BTreeSet<MeetingId> = open.into_iter().map(|capture| capture.meeting_id).collect();
    for id in meetings {
        one("stuck", id, fail_if_over(ctx, id)).await;
    }
    Ok(())
}

async fn fail_if_over(ctx: &WorkerContext, id: MeetingId) -> Result<(), StorageError> {
    let found = meetings::find(&mut *ctx.conn().await?, id).await?;
    match found.is_some_and(|meeting| !meeting.is_open()) {
        true => fail_stuck(ctx, id).await,
        false => Ok(()),
    }
}

async fn fail_stuck(ctx: &WorkerContext, id: MeetingId) -> Result<(), StorageError> {
    change_and_commit(ctx, id, |meeting| {
        let change = meeting.fail_stuck_captures((ctx.clock)());
        for capture in &change.captures {
            tracing::error!(meeting.id = %id, capture.id = %capture.id, "capture is stuck: its meeting has ended");
        }
        change
    })
    .await
}
