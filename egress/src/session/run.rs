//! The life of one session: the phases of [`phase`](super::phase), one after the other. A new request enters at `Record`,
//! once livekit-server has accepted it; a folder that an earlier process left enters where that process stopped.
//!
//! | phase | file | state of the egress |
//! | --- | --- | --- |
//! | start | `launch.rs` | STARTING |
//! | record | `record.rs` → `find.rs`, `listen.rs` | STARTING; ACTIVE from the first packet, or at once if the track is muted |
//! | store | `store.rs` → `conclude.rs` | ENDING, or ACTIVE after a limit or a failure |
//! | report | below | COMPLETE, LIMIT_REACHED, FAILED or ABORTED |
//! | remove | below | the same |

use super::{
    context::{Interrupted, Session},
    launch::confirm,
    phase::{Phase, phase},
    record::record,
    store::store,
};

/// The task that owns the connections to the room panicked.
#[derive(Debug, thiserror::Error)]
#[error("the task of its room failed")]
pub struct RoomLost;

impl Session {
    /// Returns once the folder is removed, or suspended for the next process.
    ///
    /// # Errors
    /// The task of the room is gone, and another session is to continue with the folder.
    #[tracing::instrument(skip_all, fields(
        egress.id = %self.spec.meta.egress_id, room.name = self.spec.meta.room_name, track.sid = %self.spec.track_sid
    ))]
    pub async fn run(mut self) -> Result<(), RoomLost> {
        match self.run_phases().await {
            Ok(()) => Ok(()),
            Err(Interrupted::RoomLost) => Err(RoomLost),
            Err(Interrupted::Suspended) => {
                self.suspend().await;
                Ok(())
            }
        }
    }

    async fn run_phases(&mut self) -> Result<(), Interrupted> {
        loop {
            match self.phase() {
                Phase::Start => {
                    if !confirm(self).await? {
                        return self.remove().await;
                    }
                }
                Phase::Record => record(self).await?,
                Phase::Store => store(self).await?,
                Phase::Report => self.report().await?,
                Phase::Remove => return self.remove().await,
            }
        }
    }

    fn phase(&self) -> Phase {
        let saved = self.is_started.then(|| self.reporter.saved());
        phase(saved.as_ref())
    }

    /// Waits until livekit-server has acknowledged the terminal state.
    async fn report(&mut self) -> Result<(), Interrupted> {
        self.reporter.flush().await;
        let suspend = self.signals.shutdown.suspend.clone();
        suspend
            .run_until_cancelled(self.reporter.finish())
            .await
            .ok_or(Interrupted::Suspended)?;
        self.reporter.save(|saved| saved.reported = true);
        Ok(())
    }

    async fn remove(&self) -> Result<(), Interrupted> {
        self.reporter.flush().await;
        if let Err(error) = self.folder.clone().remove().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot remove the folder of an egress"
            );
        }
        Ok(())
    }

    /// Leaves everything on stable storage for the next process.
    async fn suspend(&self) {
        let (flushed, ()) = tokio::join!(self.folder.flush(), self.reporter.flush());
        if let Err(error) = flushed {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot write a recording that is suspended"
            );
        }
        tracing::info!("suspended; the next process continues this egress");
    }

    /// Waits for `future`, unless the worker is suspended first.
    pub(super) async fn until_suspended<T>(&self, future: impl Future<Output = T>) -> Result<T, Interrupted> {
        let suspend = &self.signals.shutdown.suspend;
        suspend.run_until_cancelled(future).await.ok_or(Interrupted::Suspended)
    }
}
