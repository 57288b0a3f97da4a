//! Asks the platform to record a track, unless a capture already records it.
//!
//! Harmless to repeat: each run first lists the active captures and adopts the one that answers this request. The start
//! request is never repeated without that check, because a capture may be running after a timeout. It is repeated until the
//! track ends or the job's deadline is over, because somebody may be talking.

use std::sync::Arc;

use domain::{
    CaptureId, ObjectKey,
    capture::{Capture, CapturedTrack},
    event::{CaptureReport, PlatformKind},
    meeting::{Change, MeetingHead, Outcome},
    recording::FailureReason,
    room::Room,
};
use platform::{CaptureFilter, Platform, PlatformError};
use storage::{meetings, participants, rooms};

use super::{JobError, start_meeting_capture};
use crate::attempt::Attempt;

/// What is needed to request a recording.
struct Request<'a> {
    attempt: &'a Attempt<'a>,
    platform: Arc<dyn Platform>,
    room: Room,
    meeting: MeetingHead,
    capture: Capture,
    track: CapturedTrack,
}

#[tracing::instrument(skip_all, fields(capture.id = %id))]
pub async fn run(id: CaptureId, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let Some(capture) = attempt.capture(id).await?.filter(Capture::is_unanswered) else {
        return Ok(());
    };
    let Some(track) = capture.track().cloned() else {
        return start_meeting_capture::run(&capture, attempt).await;
    };
    let Some(request) = prepare(capture, track, attempt).await? else {
        return Ok(());
    };
    if !request.is_wanted().await? || request.adopt().await? {
        return Ok(());
    }
    if request.track_has_ended().await? {
        return request
            .fail(FailureReason::TrackGone, "the track has ended".to_owned())
            .await;
    }
    request.start().await
}

/// Loads what the request needs; `None` if it is no longer wanted.
async fn prepare<'a>(
    capture: Capture,
    track: CapturedTrack,
    attempt: &'a Attempt<'a>,
) -> Result<Option<Request<'a>>, JobError> {
    let mut conn = attempt.ctx.conn().await?;
    let Some(meeting) = meetings::find(&mut conn, capture.meeting_id).await? else {
        return Ok(None);
    };
    let Some(room) = rooms::find(&mut conn, meeting.room_id).await? else {
        return Ok(None);
    };
    let platform = platform_of(&meeting, attempt)?;
    Ok(Some(Request {
        attempt,
        platform,
        room,
        meeting,
        capture,
        track,
    }))
}

/// Returns the adapter of a meeting's platform.
pub(super) fn platform_of(meeting: &MeetingHead, attempt: &Attempt<'_>) -> Result<Arc<dyn Platform>, JobError> {
    let kind = meeting.platform_room.platform;
    if let Some(platform) = attempt.ctx.platforms.get(kind) {
        return Ok(platform.clone());
    }
    let why = anyhow::anyhow!("{kind} is not configured in this worker");
    // A worker of a newer version may know a platform that this one does not.
    Err(match kind {
        PlatformKind::Other => JobError::outage(why),
        _ => JobError::give_up(why),
    })
}

impl Request<'_> {
    /// Whether the track should be recorded, which depends on its publisher's kind. Track events carry only the identity,
    /// so the platform is asked if no other event named the kind.
    async fn is_wanted(&self) -> Result<bool, JobError> {
        if self.publisher_is_known().await? {
            return Ok(true);
        }
        let found = self
            .platform
            .get_participant(self.room.name.as_str(), &self.track.identity)
            .await;
        match self.answered(found).await? {
            Some(publisher) => {
                let env = self.attempt.ctx.env();
                self.attempt
                    .change(self.capture.meeting_id, |room, meeting| {
                        meeting.observe_participant(&publisher.participant, room, env)
                    })
                    .await?;
                Ok(self.attempt.capture(self.capture.id).await?.is_some())
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
        let people = participants::list_for_meeting(&mut conn, self.capture.meeting_id).await?;
        Ok(people
            .iter()
            .any(|p| p.identity == self.track.identity && p.kind.is_some()))
    }

    /// Adopts a capture that answers this request: it writes to the requested path, and is no other capture of ours.
    /// One whose recorder is lost is another one of ours, although the platform goes on listing it as active.
    async fn adopt(&self) -> Result<bool, JobError> {
        let listed = self
            .platform
            .list_captures(self.room.name.as_str(), CaptureFilter::Active)
            .await;
        let mut reports = self.answered(listed).await?;
        reports.retain(|report| report.track_sid.as_ref() == Some(&self.track.sid));
        if reports.is_empty() {
            return Ok(false);
        }
        let (env, mut adopted) = (self.attempt.ctx.env(), None);
        self.attempt
            .change(self.capture.meeting_id, |_, meeting| {
                adopted = reports.iter().find(|report| meeting.answers(&self.capture, report));
                adopted.map_or(Change::new(Outcome::Applied), |report| {
                    meeting.apply_answer(&self.capture, report, env)
                })
            })
            .await?;
        if let Some(running) = adopted {
            tracing::info!(capture.platform_id = ?running.platform_id, "adopting a running capture");
        }
        Ok(adopted.is_some())
    }

    /// Whether the platform has reported the end of the track or of its meeting.
    async fn track_has_ended(&self) -> Result<bool, JobError> {
        let mut conn = self.attempt.ctx.conn().await?;
        let track = storage::tracks::find(&mut conn, self.track.id).await?;
        let meeting = meetings::find(&mut conn, self.capture.meeting_id).await?;
        Ok(track.is_some_and(|track| track.unpublished_at.is_some())
            || meeting.is_none_or(|meeting| !meeting.is_open()))
    }

    async fn start(&self) -> Result<(), JobError> {
        let (meeting, CapturedTrack { sid, identity, .. }) = (self.capture.meeting_id, &self.track);
        let file = ObjectKey::recording_template(&self.room.name, meeting, identity, sid);
        let started = self.platform.start_capture(self.room.name.as_str(), sid, &file).await;
        match started {
            Err(error) if !is_outage(&error) => {
                let reason = if error.is_not_found() {
                    FailureReason::TrackGone
                } else {
                    FailureReason::StartFailed
                };
                self.fail(reason, format!("{:#}", anyhow::Error::new(error))).await
            }
            started => {
                let report = self.answered(started).await?;
                tracing::info!(capture.platform_id = ?report.platform_id, track.sid = %sid, "capture requested");
                self.apply_answer(report).await
            }
        }
    }

    /// Passes on an answer of the platform. Without one, the capture says why it is waiting.
    async fn answered<T>(&self, result: Result<T, PlatformError>) -> Result<T, JobError> {
        let error = match result {
            Ok(answer) => return Ok(answer),
            Err(error) => anyhow::Error::new(error),
        };
        let (id, why) = (self.capture.id, format!("{error:#}"));
        self.attempt
            .change(self.capture.meeting_id, |_, meeting| {
                meeting.note_request_error(id, Some(why))
            })
            .await?;
        Err(JobError::outage(error))
    }

    /// Applies the answer to a start request, which may omit the room and the track.
    async fn apply_answer(&self, mut report: CaptureReport) -> Result<(), JobError> {
        report
            .room_sid
            .get_or_insert_with(|| self.meeting.platform_room.key.clone());
        report.track_sid.get_or_insert_with(|| self.track.sid.clone());
        let env = self.attempt.ctx.env();
        self.attempt
            .change(self.capture.meeting_id, |_, meeting| {
                meeting.apply_answer(&self.capture, &report, env)
            })
            .await
    }

    async fn fail(&self, reason: FailureReason, error: String) -> Result<(), JobError> {
        tracing::warn!(reason = reason.as_str(), error, "cannot record the track");
        let now = (self.attempt.ctx.clock)();
        let id = self.capture.id;
        self.attempt
            .change(self.capture.meeting_id, |_, meeting| {
                meeting.fail_capture(id, reason, error, now)
            })
            .await
    }
}

/// Whether the platform has not decided about a request: it did not answer, has no free recorder, or does not know our key,
/// which people repair. What it refuses, it refuses again.
pub(super) fn is_outage(error: &PlatformError) -> bool {
    error.is_transient() || matches!(error, PlatformError::Unauthorized(..))
}

#[cfg(test)]
mod tests {
    use domain::capture::CaptureState;
    use domain::event::CaptureStatus;
    use domain::recording::RecordingState;
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
                capture_id: meeting.captures[0].id,
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
        assert_eq!(meeting.captures[0].platform_id, started[0].report.platform_id);
        assert_eq!(test.count_jobs("done").await, 2);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_capture_left_running_by_a_lost_response_is_adopted_and_a_customers_is_not(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.people_join(&["ada"]);
        test.reconcile().await;
        let meeting = test.meeting().await.head.id;
        let requested = format!("recordings/standup/{meeting}/ada/TR_ada-{{egress_id}}.ogg");
        let start = |file: String| async {
            let file = file;
            let platform = test.platform.clone();
            platform
                .start_capture("standup", &"TR_ada".into(), &file)
                .await
                .unwrap()
        };
        start("{room_name}/{track_id}.ogg".to_owned()).await;
        let ours = start(requested).await;

        test.run_jobs().await;

        assert_eq!(test.platform.started().len(), 2);
        assert_eq!(test.capture_of("ada").await.platform_id, ours.platform_id);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_capture_whose_recorder_is_lost_is_not_adopted_although_it_is_listed(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.meeting_with_recordings(&["ada"]).await;
        let lost = test.recording_of("ada").await;
        test.report_capture(&lost, CaptureStatus::Active, None).await;
        test.recorder_joins(&["EG_other"]);

        test.reconcile().await;
        test.advance(5);
        test.reconcile().await;
        test.run_jobs().await;

        let meeting = test.meeting().await;
        assert_eq!(meeting.recordings[0].state.failure(), Some(FailureReason::Lost));
        assert_eq!(meeting.captures[1].platform_id, Some("EG_fake2".into()));
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
    async fn a_recording_without_a_recorder_says_why_and_waits_for_one(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.people_join(&["ada"]);
        test.reconcile().await;

        test.platform.set_availability(Availability::NoRecorder);
        for _ in 0..2 * domain::job::Queue::StartRecording.max_attempts() {
            test.make_jobs_due().await;
            test.run_jobs().await;
        }
        let waiting = test.capture_of("ada").await;
        test.platform.set_availability(Availability::Up);
        test.make_jobs_due().await;
        test.run_jobs().await;

        let why = waiting.last_error.unwrap();
        assert!(why.contains("the fake has no recorder"), "{why}");
        assert_eq!(waiting.state, CaptureState::Requested);
        let requested = test.capture_of("ada").await;
        assert_eq!(
            (requested.platform_id, requested.last_error),
            (Some("EG_fake1".into()), None)
        );
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_request_is_given_up_when_its_track_has_ended(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        test.people_join(&["ada"]);
        test.reconcile().await;

        test.platform.set_availability(Availability::NoRecorder);
        test.run_jobs().await;
        test.execute("UPDATE tracks SET unpublished_at = now()").await;
        test.make_jobs_due().await;
        test.run_jobs().await;

        let recording = test.recording_of("ada").await;
        assert_eq!(recording.state.failure(), Some(FailureReason::TrackGone));
        assert!(recording.is_guess());
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
