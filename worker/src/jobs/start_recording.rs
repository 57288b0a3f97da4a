//! Asks the platform to record a track, unless an egress already records it.
//!
//! Harmless to repeat: each run first lists the active egresses and adopts one of this track. The start request is never
//! repeated without that check, because an egress may be running after a timeout.

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

/// What is needed to request a recording.
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
    if !request.is_wanted().await? {
        return Ok(());
    }
    if let Some(running) = request.find_running().await? {
        tracing::info!(egress.id = ?running.egress_id, "adopting a running egress");
        return request.apply_report(running).await;
    }
    request.start().await
}

/// Loads what the request needs; `None` if the recording was already requested or is no longer wanted.
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
            "{} is not configured in this worker",
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
    /// Whether the track should be recorded, which depends on its publisher's kind. Track events carry only the identity,
    /// so the platform is asked if no other event named the kind.
    async fn is_wanted(&self) -> Result<bool, JobError> {
        if self.publisher_is_known().await? {
            return Ok(true);
        }
        match self
            .platform
            .get_participant(self.room.name.as_str(), &self.recording.identity)
            .await?
        {
            Some(publisher) => {
                let env = self.attempt.ctx.env();
                self.attempt
                    .change(self.recording.meeting_id, |room, meeting| {
                        meeting.observe_participant(&publisher.participant, room, env)
                    })
                    .await?;
                Ok(self.attempt.recording(self.recording.id).await?.is_some())
            }
            None => {
                self.fail(FailureReason::TrackGone, "the publisher has left the room".to_owned())
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

    /// Returns an egress of this track that has not ended.
    async fn find_running(&self) -> Result<Option<EgressReport>, JobError> {
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
                tracing::info!(egress.id = ?report.egress_id, track.sid = %track_sid, "egress requested");
                self.apply_report(report).await
            }
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                let reason = if error.is_not_found() {
                    FailureReason::TrackGone
                } else {
                    FailureReason::StartFailed
                };
                self.fail(reason, format!("{:#}", anyhow::Error::new(error))).await
            }
        }
    }

    /// Applies an egress report. The response to a start request may omit the room and the track.
    async fn apply_report(&self, mut report: EgressReport) -> Result<(), JobError> {
        report
            .room_sid
            .get_or_insert_with(|| self.recording.platform_room_sid.clone());
        report.track_sid.get_or_insert_with(|| self.recording.track_sid.clone());
        let env = self.attempt.ctx.env();
        self.attempt
            .change(self.recording.meeting_id, |_, meeting| {
                meeting.apply_report(&report, env)
            })
            .await
    }

    async fn fail(&self, reason: FailureReason, error: String) -> Result<(), JobError> {
        tracing::warn!(reason = reason.as_str(), error, "cannot record the track");
        let now = (self.attempt.ctx.clock)();
        let id = self.recording.id;
        self.attempt
            .change(self.recording.meeting_id, |_, meeting| {
                meeting.fail_recording(id, reason, error, now)
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
            &mut test.ctx.conn().await.unwrap(),
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
    async fn an_egress_left_running_by_a_lost_response_is_adopted(pool: PgPool) {
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
    async fn an_unreachable_platform_is_asked_again(pool: PgPool) {
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
    async fn a_recording_without_any_recorder_fails_with_its_reason(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.people_join(&["ada"]);
        test.reconcile().await;

        test.platform.set_availability(Availability::NoRecorder);
        test.run_jobs_to_the_end().await;

        let RecordingState::Failed(failed) = test.recording_of("ada").await.state else {
            panic!("failed")
        };
        assert_eq!(failed.reason, FailureReason::StartFailed);
        assert!(failed.error.unwrap().contains("the fake has no egress worker"));
        assert_eq!(test.count_jobs("dead").await, 1);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_track_that_ended_is_not_requested_again(pool: PgPool) {
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
