//! Changes to meetings by reconcilers.

use domain::{
    MeetingId,
    meeting::{Change, Meeting},
};
use storage::{ChangeTx, StorageError};

use crate::context::WorkerContext;

/// Saves what `decide` makes of a meeting, in its own transaction. Does nothing if the meeting was deleted.
pub async fn change_and_commit(
    ctx: &WorkerContext,
    meeting: MeetingId,
    decide: impl FnOnce(&Meeting) -> Change,
) -> Result<(), StorageError> {
    let mut tx = ChangeTx::begin(&ctx.pool).await?;
    tx.change_meeting(meeting, |_, meeting| decide(meeting)).await?;
    tx.commit().await
}
