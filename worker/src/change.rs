//! Changes to meetings: load under lock, let the domain decide, save.

use domain::{
    MeetingId, RecordingId,
    meeting::{Change, Meeting},
    room::Room,
};
use storage::{PgConnection, StorageError, meetings, recordings};

use crate::context::WorkerContext;

/// Saves what `decide` makes of a meeting, in the caller's transaction. Does nothing if the meeting was deleted.
pub async fn change_meeting(
    conn: &mut PgConnection,
    meeting: MeetingId,
    decide: impl FnOnce(&Room, &Meeting) -> Change,
) -> Result<(), StorageError> {
    match meetings::lock(conn, meeting).await? {
        Some((room, meeting)) => meetings::save(conn, &decide(&room, &meeting)).await,
        None => Ok(()),
    }
}

/// Saves what `decide` makes of a meeting, in its own transaction. Does nothing if the meeting was deleted.
pub async fn change_and_commit(
    ctx: &WorkerContext,
    meeting: MeetingId,
    decide: impl FnOnce(&Meeting) -> Change,
) -> Result<(), StorageError> {
    let mut tx = ctx.begin().await?;
    change_meeting(&mut tx, meeting, |_, meeting| decide(meeting)).await?;
    storage::pool::commit(tx).await
}

/// Saves what `decide` makes of the meeting of a recording. Does nothing if the meeting was deleted.
pub async fn change_meeting_of(
    conn: &mut PgConnection,
    recording: RecordingId,
    decide: impl FnOnce(&Meeting) -> Change,
) -> Result<(), StorageError> {
    match recordings::find(conn, recording).await? {
        Some(recording) => change_meeting(conn, recording.meeting_id, |_, meeting| decide(meeting)).await,
        None => Ok(()),
    }
}
