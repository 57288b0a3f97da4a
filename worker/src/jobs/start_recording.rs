//! Asks the platform to record a track, unless it is recorded already.
//!
//! Harmless to repeat: each run first looks for an egress of the track and adopts it. The call that starts one is never
//! repeated blindly, because after a time-out an egress may be running.

use std::sync::Arc;

use domain::{
    ObjectKey, RecordingId,
    event::EgressReport,
    recording::{FailureReason, Recording, RecordingState},
    room::Room,
};
use platform::{Platform, RecordingFilter};
use storage::{meetings, participants, rooms};

use super::JobError;
use crate::attempt::Attempt;

/// What must be known to ask for a recording.
struct Request<'a> {
    attempt: &'a Attempt<'a>,
    platform: Arc<dyn Platform>,
    room: Room,
    recording: Recording,
}

#[tracing::instrument(skip_all, fields(recording.id = %id))]
pub async fn run(id: RecordingId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let Some(request) = prepare(id, attempt).await? else {
        return Ok(());
    };
    if !request.wanted().await? {
        return Ok(());
    }
    if let Some(running) = request.running().await? {
        tracing::info!(egress.id = ?running.egress_id, "adopting an egress that runs already");
        return request.report(running).await;
    }
    request.start().await
}

/// `None` if somebody has asked already, or nobody wants it any more.
async fn prepare<'a>(id: RecordingId, attempt: &'a Attempt<'a>) -> Result<Option<Request<'a>>, JobError> {
    let mut conn = attempt.ctx.conn().await?;
    let Some(recording) = storage::recordings::find(&mut conn, id).await? else {
        return Ok(None);
    };
    if recording.state != RecordingState::Requested || recording.egress_id.is_some() {
        return Ok(None);
    }
    let Some(meeting) = meetings::find(&mut conn, recording.meeting_id).await? else {
        return Ok(None);
    };
    let Some(room) = rooms::find(&mut conn, meeting.room_id).await? else {
        return Ok(None);
    };
    let Some(platform) = attempt.ctx.platforms.get(meeting.platform).cloned() else {
        return Err(JobError::give_up(anyhow::anyhow!(
            "{} is not set up in this worker",
            meeting.platform
        )));
    };
    Ok(Some(Request {
        attempt,
        platform,
        room,
        recording,
    }))
}

impl Request<'_> {
    /// Whether the track is to be recorded, which depends on who publishes it. Track events carry only the identity, so
    /// the platform is asked where nothing else has told.
    async fn wanted(&self) -> Result<bool, JobError> {
        if self.publisher_is_known().await? {
            return Ok(true);
        }
        match self
            .platform
            .get_participant(self.room.name.as_str(), &self.recording.identity)
            .await?
        {
            Some(publisher) => {
                let source = self.attempt.ctx.source();
                self.attempt
                    .change(self.recording.meeting_id, |room, meeting| {
                        meeting.seen(&publisher.seen, room, source)
                    })
                    .await?;
                Ok(self.attempt.recording(self.recording.id).await?.is_some())
            }
            None => {
                self.fail(FailureReason::TrackGone, "its publisher has left the room".to_owned())
                    .await?;
                Ok(false)
            }
        }
    }

    async fn publisher_is_known(&self) -> Result<bool, JobError> {
        let mut conn = self.attempt.ctx.conn().await?;
        let people = participants::list_for_meeting(&mut conn, self.recording.meeting_id).await?;
        Ok(people
            .iter()
            .any(|p| p.identity == self.recording.identity && p.kind.is_some()))
    }

    /// An egress of this track that has not ended.
    async fn running(&self) -> Result<Option<EgressReport>, JobError> {
        let reports = self
            .platform
            .list_recordings(self.room.name.as_str(), RecordingFilter::Active)
            .await?;
        Ok(reports
            .into_iter()
            .find(|report| report.track_sid.as_ref() == Some(&self.recording.track_sid)))
    }

    async fn start(&self) -> Result<(), JobError> {
        let Recording {
            meeting_id,
            ref identity,
            ref track_sid,
            ..
        } = self.recording;
        let file = ObjectKey::recording_template(&self.room.name, meeting_id, identity, track_sid);
        match self
            .platform
            .start_track_recording(self.room.name.as_str(), track_sid, &file)
            .await
        {
            Ok(report) => {
                tracing::info!(egress.id = ?report.egress_id, track.sid = %track_sid, "egress asked for");
                self.report(report).await
            }
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                let is_gone = error.is_not_found();
                let reason = if is_gone {
                    FailureReason::TrackGone
                } else {
                    FailureReason::StartFailed
                };
                self.fail(reason, format!("{:#}", anyhow::Error::new(error))).await
            }
        }
    }

    /// The answer to a start may leave out what we asked for.
    async fn report(&self, mut report: EgressReport) -> Result<(), JobError> {
        report
            .room_sid
            .get_or_insert_with(|| self.recording.platform_room_sid.clone());
        report.track_sid.get_or_insert_with(|| self.recording.track_sid.clone());
        let source = self.attempt.ctx.source();
        self.attempt
            .change(self.recording.meeting_id, |_, meeting| meeting.report(&report, source))
            .await
    }

    async fn fail(&self, reason: FailureReason, error: String) -> Result<(), JobError> {
        tracing::warn!(reason = reason.as_str(), error, "the track cannot be recorded");
        let now = (self.attempt.ctx.clock)();
        let id = self.recording.id;
        self.attempt
            .change(self.recording.meeting_id, |_, meeting| {
                meeting.fail(id, reason, error, now)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use platform::fake::Availability;
    use sqlx::PgPool;

    use super::*;
    use crate::support::WorkerTest;

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_live_track_is_recorded_once_however_often_the_job_runs(pool: PgPool) {
        let test = WorkerTest::new(pool).await;

        let meeting = test.meeting_with_recordings(&["ada"]).await;
        storage::jobs::add(
            &mut test.ctx.pool.acquire().await.unwrap(),
            &[domain::job::Job::StartRecording {
                recording_id: meeting.recordings[0].id,
            }],
        )
        .await
        .unwrap();
        test.run_jobs().await;

        let started = test.platform.started();
        assert_eq!(started.len(), 1);
        assert_eq!(
            started[0].file,
            format!("recordings/standup/{}/ada/TR_ada-{{egress_id}}.ogg", meeting.head.id)
        );
        assert_eq!(meeting.recordings[0].egress_id, started[0].report.egress_id);
        assert_eq!(test.count_jobs("done").await, 2);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn an_egress_that_a_lost_answer_left_running_is_adopted(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.people_join(&["ada"]);
        test.reconcile().await;
        let running = test
            .platform
            .start_track_recording("standup", &"TR_ada".into(), "lost.ogg")
            .await
            .unwrap();

        test.run_jobs().await;

        assert_eq!(test.platform.started().len(), 1);
        assert_eq!(test.recording_of("ada").await.egress_id, running.egress_id);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_platform_that_is_away_is_asked_again(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.people_join(&["ada"]);
        test.reconcile().await;

        test.platform.set_availability(Availability::Down);
        test.run_jobs().await;
        let waiting = test.count_jobs("ready").await;
        test.platform.set_availability(Availability::Up);
        test.make_jobs_due().await;
        test.run_jobs().await;

        assert_eq!((waiting, test.platform.started().len()), (1, 1));
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_recorder_that_never_comes_is_given_up_with_its_reason(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.people_join(&["ada"]);
        test.reconcile().await;

        test.platform.set_availability(Availability::NoRecorder);
        test.run_jobs_to_the_end().await;

        let RecordingState::Failed(failed) = test.recording_of("ada").await.state else {
            panic!("failed")
        };
        assert_eq!(failed.reason, FailureReason::StartFailed);
        assert!(failed.error.unwrap().contains("the fake has no recorder"));
        assert_eq!(test.count_jobs("dead").await, 1);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_track_that_is_gone_is_not_asked_for_again(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.people_join(&["ada"]);
        test.reconcile().await;
        test.platform.remove_room("standup");

        test.run_jobs().await;

        let RecordingState::Failed(failed) = test.recording_of("ada").await.state else {
            panic!("failed")
        };
        assert_eq!(failed.reason, FailureReason::TrackGone);
        assert_eq!(test.count_jobs("done").await, 1);
    }
}
