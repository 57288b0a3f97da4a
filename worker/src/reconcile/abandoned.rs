//! Queues what no job works on: recordings whose file is not verified or not transcribed and whose job was lost, and those
//! whose acceptance was given up, which is a guess.

use chrono::TimeDelta;
use domain::{
    job::Job,
    meeting::{Change, Outcome},
    recording::{FailureReason, Recording},
};
use storage::{StorageError, recordings};

use super::{ReconcileError, one};
use crate::{change::change_and_commit, context::WorkerContext};

/// How long a recording that was given up is tried again. A store can be repaired, or restored from a backup.
const GIVEN_UP_DEADLINE: TimeDelta = TimeDelta::days(14);

/// Reopens abandoned recordings.
pub async fn reconcile(ctx: &WorkerContext) -> Result<(), ReconcileError> {
    let ended_after = (ctx.clock)() - GIVEN_UP_DEADLINE;
    let abandoned = recordings::list_abandoned(&mut *ctx.conn().await?, ended_after).await?;
    for recording in abandoned.iter().filter(|recording| is_worth_it(recording)) {
        one("abandoned", recording.id, reopen(ctx, recording)).await;
    }
    Ok(())
}

/// Whether another attempt may succeed. What the store refused, it refuses again.
fn is_worth_it(recording: &Recording) -> bool {
    recording.has_usable_file() || recording.state.failure() == Some(FailureReason::NotAccepted)
}

async fn reopen(ctx: &WorkerContext, recording: &Recording) -> Result<(), StorageError> {
    let recording_id = recording.id;
    let job = match recording.acceptance {
        None => Job::AcceptRecording { recording_id },
        Some(_) => Job::TranscribeTrack { recording_id },
    };
    tracing::warn!(recording.id = %recording_id, queue = job.queue().as_str(), "no job works on a recording; queueing one");
    change_and_commit(ctx, recording.meeting_id, |meeting| {
        let reopened = meeting.reopen(&job, ctx.env());
        reopened.unwrap_or_else(|_| Change::new(Outcome::Ignored))
    })
    .await
}
