//! Enforces what hosts have decided about the people in a meeting: removes who may not be there, and takes permissions that
//! a token has given back.
//!
//! Harmless to repeat: it compares who is connected with the decisions. The reconciler does the same for every meeting, so a
//! lost webhook delays it by 15 s.

use domain::MeetingId;

use super::JobError;
use crate::{attempt::Attempt, reconcile::controls};

#[tracing::instrument(skip_all, fields(meeting.id = %id))]
pub async fn run(id: MeetingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    Ok(controls::enforce(attempt.ctx, id).await?)
}
