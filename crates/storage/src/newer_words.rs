//! Words that a newer version wrote: this one reads them as unknown, and goes on.

use domain::{
    event::PlatformKind,
    meeting::MeetingState,
    participant::ParticipantKind,
    recording::{FailureReason, Transcription},
    room::{ConsentPolicy, RecordingPolicy},
    track::{TrackKind, TrackSource},
    transcript::TranscriptState,
};
use sqlx::PgPool;

use crate::{jobs, meetings, rooms, support, transcripts};

/// Every column whose words this version knows only in part.
const NEWER: [&str; 8] = [
    "UPDATE rooms SET platform = 'abducted', recording_policy = 'abducted', consent_policy = 'abducted'",
    "UPDATE meetings SET platform = 'abducted', state = 'abducted'",
    "UPDATE participants SET kind = 'abducted'",
    "UPDATE tracks SET kind = 'abducted', source = 'abducted', not_recorded = 'abducted'",
    "UPDATE captures SET state = 'abducted', reason = 'abducted', earlier_failure = 'abducted'",
    "UPDATE recordings SET state = 'abducted', reason = 'abducted', transcription = 'abducted'",
    "UPDATE transcripts SET state = 'abducted'",
    "UPDATE jobs SET state = 'abducted'",
];

#[sqlx::test]
async fn each_column_is_read_as_unknown_by_the_careful_choice(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let meeting = support::meeting_with_track(&mut conn).await;
    let merge = domain::job::Job::MergeTranscript {
        meeting_id: meeting.head.id,
    };
    jobs::add(&mut conn, &[merge]).await.unwrap();
    let insert = "INSERT INTO transcripts (meeting_id, state, language) SELECT id, 'ready', 'en' FROM meetings";
    sqlx::query(insert).execute(&mut *conn).await.unwrap();
    for newer in NEWER {
        sqlx::query(newer).execute(&mut *conn).await.unwrap();
    }

    let (room, whole) = meetings::lock(&mut conn, meeting.head.id).await.unwrap().unwrap();
    let transcript = transcripts::find(&mut conn, meeting.head.id).await.unwrap().unwrap();

    assert_eq!(
        rooms::list(&mut conn, None, 9).await.unwrap(),
        std::slice::from_ref(&room)
    );
    assert_eq!(
        (room.platform, room.recording, room.consent),
        (PlatformKind::Other, RecordingPolicy::Other, ConsentPolicy::Other)
    );
    assert_eq!(whole.head.platform_room.platform, PlatformKind::Other);
    assert_eq!(
        whole.head.state,
        MeetingState::Open { missing_since: None },
        "it has no end"
    );
    assert_eq!(whole.participants[0].kind, Some(ParticipantKind::Other));
    let track = &whole.tracks[0];
    assert_eq!((track.kind, track.source), (TrackKind::Other, TrackSource::Other));
    assert!(track.refusal(None, &room).is_some());
    let recording = &whole.recordings[0];
    assert_eq!(recording.state.failure(), Some(FailureReason::Other));
    assert_eq!(recording.transcription, Transcription::Pending);
    assert!(!whole.captures[0].is_open() && !recording.is_open());
    assert_eq!(transcript.state, TranscriptState::Pending);
}

#[sqlx::test]
async fn a_change_of_another_setting_leaves_a_newer_policy_as_it_is(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    rooms::insert(&mut conn, &support::room("standup")).await.unwrap();
    sqlx::query(NEWER[0]).execute(&mut *conn).await.unwrap();
    let read = rooms::list(&mut conn, None, 9).await.unwrap().remove(0);

    rooms::save(&mut conn, &read).await.unwrap();
    let policies = "SELECT recording_policy || consent_policy FROM rooms";
    let kept: String = sqlx::query_scalar(policies).fetch_one(&mut *conn).await.unwrap();
    let chosen = domain::room::Room {
        recording: RecordingPolicy::Off,
        ..read
    };
    rooms::save(&mut conn, &chosen).await.unwrap();
    let changed: String = sqlx::query_scalar(policies).fetch_one(&mut *conn).await.unwrap();

    assert_eq!((kept.as_str(), changed.as_str()), ("abductedabducted", "offabducted"));
}
