//! Asks the platform who is in the room of a meeting, and requests recordings whose recorder has left.
//!
//! Harmless to repeat: the domain compares the list with what is stored. Nothing is retried: the reconciler does the same
//! for every room.

use domain::MeetingId;

use super::JobError;
use crate::{attempt::Attempt, log::chain, reconcile};

#[tracing::instrument(skip_all, fields(meeting.id = %id))]
pub async fn run(id: MeetingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    if let Err(error) = reconcile::check_room(attempt.ctx, id).await {
        let error = chain(&error);
        tracing::warn!(error, "cannot check a room");
    }
    Ok(())
}
