//! Asks the platform to record a whole meeting, as the job `start_recording` does for one that is not of a track.
//!
//! Harmless to repeat: the platform returns the recording that is running. It is repeated until somebody is in the room, or the
//! meeting or the job's deadline is over.

use domain::{capture::Capture, event::CaptureReport, recording::FailureReason};
use platform::PlatformError;
use storage::meetings;

use super::{
    JobError,
    start_recording::{is_outage, platform_of},
};
use crate::attempt::Attempt;

/// Requests the capture, and notes what the platform answers.
pub async fn run(capture: &Capture, attempt: &Attempt<'_>) -> Result<(), JobError> {
    let meeting = meetings::find(&mut *attempt.ctx.conn().await?, capture.meeting_id).await?;
    let Some(meeting) = meeting else {
        return Ok(());
    };
    if !meeting.is_open() {
        return fail(capture, attempt, "the meeting ended before it was recorded".to_owned()).await;
    }
    let platform = platform_of(&meeting, attempt)?;
    match platform.start_meeting_capture(&meeting.platform_room.key).await {
        Ok(report) => note_answer(capture, attempt, &report).await,
        Err(error) if is_outage(&error) => Err(wait(capture, attempt, error).await?),
        Err(error) => fail(capture, attempt, format!("{:#}", anyhow::Error::new(error))).await,
    }
}

async fn note_answer(capture: &Capture, attempt: &Attempt<'_>, report: &CaptureReport) -> Result<(), JobError> {
    tracing::info!(capture.platform_id = ?report.platform_id, "the platform records the meeting");
    let env = attempt.ctx.env();
    attempt
        .change(capture.meeting_id, |_, meeting| {
            meeting.apply_answer(capture, report, env)
        })
        .await
}

/// Notes in the capture why it is waiting, and returns the error that makes the job run again.
async fn wait(capture: &Capture, attempt: &Attempt<'_>, error: PlatformError) -> Result<JobError, JobError> {
    let after = match &error {
        PlatformError::RateLimited { retry_after, .. } => Some(*retry_after),
        _ => None,
    };
    let why = anyhow::Error::new(error);
    let text = format!("{why:#}");
    attempt
        .change(capture.meeting_id, |_, meeting| {
            meeting.note_request_error(capture.id, Some(text))
        })
        .await?;
    Ok(JobError::Outage { after, why })
}

async fn fail(capture: &Capture, attempt: &Attempt<'_>, error: String) -> Result<(), JobError> {
    tracing::warn!(error, "cannot record the meeting");
    let now = (attempt.ctx.clock)();
    attempt
        .change(capture.meeting_id, |_, meeting| {
            meeting.fail_capture(capture.id, FailureReason::StartFailed, error, now)
        })
        .await
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use domain::{capture::CaptureState, meeting::Meeting};
    use sqlx::PgPool;
    use test_support::{audio::tone, platforms::Scripted};

    use crate::{change::change_and_commit, support::DailyTest};

    /// A meeting of Ada, known from Daily's lists, and a request to capture it.
    async fn requested(test: &DailyTest) -> String {
        let ada = test.join("ada").await;
        test.learn().await;
        let (ctx, meeting) = (&test.worker.ctx, test.meeting().await.unwrap());
        change_and_commit(ctx, meeting.head.id, |meeting| meeting.request_capture(ctx.env()))
            .await
            .unwrap();
        ada
    }

    fn start_request(test: &DailyTest) -> String {
        format!("POST /v1/rooms/{}/recordings/start", test.daily.rooms()[0])
    }

    fn starts(test: &DailyTest) -> usize {
        test.daily.controls().requests(&start_request(test))
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_recording_is_requested_until_it_runs_and_makes_a_file_of_each_person(pool: PgPool) {
        let test = DailyTest::new(pool).await;
        let ada = requested(&test).await;
        let busy = Scripted::Error(StatusCode::SERVICE_UNAVAILABLE);
        test.daily.controls().answer(&start_request(&test), busy);

        test.worker.run_jobs().await;
        let waiting = test.meeting().await.unwrap();
        test.worker.make_jobs_due().await;
        test.worker.run_jobs().await;
        let recorded = test.meeting().await.unwrap();
        test.daily.speak(&ada, &tone(440.0, 48_000));
        test.daily.leave(&ada).await;
        test.learn().await;

        assert!(waiting.captures[0].last_error.is_some());
        assert!(matches!(recorded.captures[0].state, CaptureState::Active(_)));
        assert_eq!(starts(&test), 2);
        let Meeting { recordings, .. } = test.meeting().await.unwrap();
        assert_eq!(recordings.len(), 1);
        assert_eq!(recordings[0].identity, Some("ada".into()));
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn a_meeting_that_has_ended_is_not_recorded(pool: PgPool) {
        let test = DailyTest::new(pool).await;
        let ada = requested(&test).await;
        test.daily.leave(&ada).await;
        test.learn().await;

        test.worker.run_jobs().await;

        let meeting = test.meeting().await.unwrap();
        assert!(meeting.captures[0].state.failure().is_some());
        assert_eq!(starts(&test), 0);
    }
}
