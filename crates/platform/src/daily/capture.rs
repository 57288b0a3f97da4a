//! Recordings of a room as captures. A room of ours belongs to one meeting, so all its recordings do.

use chrono::DateTime;
use domain::PlatformCaptureId;
use domain::event::{CaptureReport, CaptureStatus, PlatformKind};

use super::adapter::Daily;
use super::report;
use crate::{CaptureFilter, PlatformError};

/// Starts recording a room, unless that is running.
pub async fn start(daily: &Daily, room: &str) -> Result<CaptureReport, PlatformError> {
    daily.client.start_recording(room, daily.config.capture_limits).await?;
    let running = list(daily, room, CaptureFilter::Active).await?.into_iter().next();
    running.ok_or_else(|| PlatformError::Busy(PlatformKind::Daily, "the recording is not listed yet".into()))
}

/// Lists the recordings of a room, newest first, with the people who are heard in their files.
pub async fn list(daily: &Daily, room: &str, which: CaptureFilter) -> Result<Vec<CaptureReport>, PlatformError> {
    let listed = daily.client.list_recordings(Some(room), DateTime::UNIX_EPOCH).await?;
    let is_wanted = |report: &CaptureReport| which == CaptureFilter::All || !report.status.is_terminal();
    let mut reports: Vec<_> = listed.iter().map(report::listed).filter(is_wanted).collect();
    if reports.iter().any(|report| !report.files.is_empty()) {
        let calls = daily.client.list_meetings(room).await?;
        for report in &mut reports {
            report::name_people(report, &calls);
        }
    }
    Ok(reports)
}

/// Stops the recording that runs in the room of a capture.
pub async fn stop(daily: &Daily, capture: &PlatformCaptureId) -> Result<CaptureReport, PlatformError> {
    let found = daily.client.get_recording(capture.as_str()).await?;
    let found = found.ok_or_else(|| PlatformError::NotFound(PlatformKind::Daily, "no such recording".into()))?;
    let report = report::listed(&found);
    if report.status.is_terminal() {
        return Err(PlatformError::Refused(
            PlatformKind::Daily,
            "the recording has ended".into(),
        ));
    }
    daily.client.stop_recording(&found.room).await?;
    Ok(CaptureReport {
        status: CaptureStatus::Ending,
        ..report
    })
}
