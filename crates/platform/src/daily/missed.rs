//! What happened while webhooks were lost, from Daily's lists of calls and recordings, as the events that they should have
//! brought. The id of such an event follows from what happened, so that a repeated one is recognized.

use chrono::{DateTime, Utc};
use domain::event::{EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind};
use serde_json::json;

use super::adapter::Daily;
use super::event::observed;
use super::{Attendance, DailyMeeting, DailyRecording, report};
use crate::room_name::room_id;
use crate::{PlatformError, VerifiedEvent};

/// Returns what happened in our rooms since `since`. A call that began before it may have gone on, so that Daily is asked for
/// earlier ones as well.
pub async fn events(daily: &Daily, since: DateTime<Utc>) -> Result<Vec<VerifiedEvent>, PlatformError> {
    let begun_since = since - daily.config.room_life;
    let calls = daily.client.list_meetings_since(begun_since).await?;
    let recordings = daily.client.list_recordings(None, begun_since).await?;
    let went_on = |call: &&DailyMeeting| call.ended_at.is_none_or(|ended_at| ended_at >= since);
    let in_calls = calls
        .iter()
        .filter(went_on)
        .filter(|call| room_id(&call.room).is_some());
    let recorded = recordings.iter().filter(|recording| room_id(&recording.room).is_some());
    let events = in_calls
        .flat_map(of_call)
        .chain(recorded.filter_map(|recording| of_recording(recording, &calls)));
    Ok(events.map(verified).collect())
}

/// The beginning, everyone who joined, and, of a call that has ended, who left when, and the end.
fn of_call(call: &DailyMeeting) -> Vec<PlatformEvent> {
    let event = |what: &str, at: Option<DateTime<Utc>>, kind| Some(event(call, &call.id, what, at?, kind));
    let mut events = vec![event("started", call.started_at, EventKind::MeetingStarted)];
    for attendance in &call.people {
        let session = &attendance.person.session_id;
        let joined_at = attendance.person.joined_at;
        let seen = || observed(attendance.person.clone());
        events.push(event(
            &format!("joined:{session}"),
            joined_at,
            EventKind::ParticipantJoined(seen()),
        ));
        let left_at = left_at(attendance).filter(|_| call.ended_at.is_some());
        events.push(event(
            &format!("left:{session}"),
            left_at,
            EventKind::ParticipantLeft(seen()),
        ));
    }
    events.push(event("ended", call.ended_at, EventKind::MeetingEnded));
    events.into_iter().flatten().collect()
}

fn left_at(attendance: &Attendance) -> Option<DateTime<Utc>> {
    attendance.person.joined_at?.checked_add_signed(attendance.duration)
}

/// The end of a recording; nothing of one that is running.
fn of_recording(recording: &DailyRecording, calls: &[DailyMeeting]) -> Option<PlatformEvent> {
    let mut report = report::listed(recording);
    report::name_people(&mut report, calls);
    let at = report
        .ended_at
        .or(report.started_at)
        .filter(|_| report.status.is_terminal())?;
    let room = room(&recording.room, recording.session.as_deref(), None);
    let what = format!("recorded:{}", report.status);
    Some(platform_event(
        &recording.id,
        &what,
        at,
        room,
        EventKind::CaptureEnded(report),
    ))
}

fn event(call: &DailyMeeting, id: &str, what: &str, at: DateTime<Utc>, kind: EventKind) -> PlatformEvent {
    let session = Some(call.id.as_str()).filter(|id| !id.is_empty());
    platform_event(id, what, at, room(&call.room, session, call.started_at), kind)
}

fn platform_event(id: &str, what: &str, at: DateTime<Utc>, room: EventRoom, kind: EventKind) -> PlatformEvent {
    PlatformEvent {
        key: EventKey {
            platform: PlatformKind::Daily,
            id: format!("listed:{id}:{what}"),
        },
        name: format!("listed.{}", what.split(':').next().unwrap_or_default()),
        occurred_at: at,
        room: Some(room),
        kind,
    }
}

fn room(name: &str, session: Option<&str>, created_at: Option<DateTime<Utc>>) -> EventRoom {
    EventRoom {
        name: None,
        key: name.into(),
        session: session.map(Into::into),
        created_at,
    }
}

fn verified(event: PlatformEvent) -> VerifiedEvent {
    let stored_body = json!({"origin": "a list of Daily's API, in place of a lost webhook"});
    VerifiedEvent { event, stored_body }
}
