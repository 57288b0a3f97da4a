//! The life of one session, phase by phase.
//!
//! | phase | file | state of the egress |
//! | --- | --- | --- |
//! | find the track | `find.rs` | STARTING |
//! | record it | `record.rs` | STARTING; ACTIVE from the first packet, or at once if the track is muted; ENDING |
//! | store the recording | `store.rs` | ENDING, or ACTIVE after a limit or a failure |
//! | report the outcome | below | COMPLETE, LIMIT_REACHED, FAILED or ABORTED |

use super::{
    context::Session,
    find::find,
    outcome::{NotStored, RecordingEnd, StoredRecording},
    record::record,
    state::{Egress, EndReason, IllegalTransition, State},
    store::store,
};
use crate::{clock::unix_now, failure::Failure, room::AttachRequest};

impl Session {
    /// Returns once livekit-server has acknowledged the terminal state.
    #[tracing::instrument(skip_all, fields(
        egress.id = %self.spec.meta.egress_id, room.name = self.spec.meta.room_name, track.sid = %self.spec.track_sid
    ))]
    pub async fn run(mut self) {
        let outcome = self.find_record_store().await;
        self.reporter.transition(|egress| match outcome {
            Ok(stored) => finish(egress, stored),
            Err(NotStored::Failed(failure)) => egress.fail(unix_now(), failure, None),
            Err(NotStored::Stopped(reason)) => abort(egress, reason),
        });
        self.reporter.finish().await;
    }

    async fn find_record_store(&mut self) -> Result<StoredRecording, NotStored> {
        let meta = &self.spec.meta;
        let mut feed = self.context.rooms.attach(AttachRequest {
            room_name: meta.room_name.clone(),
            room_sid: meta.room_sid.clone(),
            track_sid: self.spec.track_sid.clone(),
            egress_id: meta.egress_id.clone(),
            clock: None,
        });
        let track = find(self, &mut feed).await?;
        let recorded = record(self, feed, &track).await?;
        store(self, recorded, &track).await
    }
}

/// The transition after a recording was stored.
fn finish(egress: Egress, stored: StoredRecording) -> Result<Egress, IllegalTransition> {
    let StoredRecording { file, end, ended_at } = stored;
    match end {
        RecordingEnd::Stopped(_) => egress.complete(ended_at, file),
        RecordingEnd::LimitReached(_) => egress.limit_reached(ended_at, file),
        RecordingEnd::ConnectionLost => egress.fail(ended_at, Failure::connection_lost(), Some(file)),
        RecordingEnd::Failed(failure) => egress.fail(ended_at, failure, Some(file)),
    }
}

/// The transition after a session that ended before the first packet.
fn abort(egress: Egress, reason: EndReason) -> Result<Egress, IllegalTransition> {
    let stopped_at_start = reason == EndReason::StopApi && matches!(egress.state(), State::Starting);
    let failure = if stopped_at_start {
        Failure::not_started()
    } else {
        Failure::no_audio()
    };
    egress.abort(unix_now(), failure, reason)
}
