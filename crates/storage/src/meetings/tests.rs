use std::time::Duration;

use chrono::TimeDelta;
use domain::{
    RoomName,
    event::{EventRoom, PlatformKind},
    job::Job,
    meeting::{Change, EventContext, Meeting, MeetingHead, MeetingState, Outcome, Sighting},
    transcript::TranscriptState,
};
use sqlx::{PgConnection, PgPool};

use super::*;
use crate::{rooms, support};

/// A statement that takes longer than this counts as blocked.
const BLOCKED_AFTER: Duration = Duration::from_millis(300);

fn event_room(name: &str, sid: &str) -> EventRoom {
    EventRoom {
        name: Some(name.to_owned()),
        key: sid.into(),
        session: None,
        created_at: None,
    }
}

fn seen(event_room: &EventRoom) -> Sighting<'_> {
    Sighting {
        platform: PlatformKind::Livekit,
        room: event_room,
        at: support::now(),
        shows_person: true,
    }
}

async fn context(conn: &mut PgConnection, event_room: &EventRoom) -> Option<EventContext> {
    event_context(conn, seen(event_room), Adopt::Never).await.unwrap()
}

#[sqlx::test]
async fn a_meeting_reads_back_as_a_whole(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let meeting = support::meeting_with_track(&mut conn).await;

    let (_, read) = lock(&mut conn, meeting.head.id).await.unwrap().unwrap();

    assert_eq!(read, meeting);
    assert_eq!(list_open(&mut conn).await.unwrap(), [meeting.head]);
}

#[sqlx::test]
async fn an_event_context_has_the_meeting_of_the_sid_and_the_newest_other(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let room = support::room("standup");
    rooms::insert(&mut conn, &room).await.unwrap();
    for (sid, hours) in [("RM_1", 1), ("RM_3", 3), ("RM_2", 2)] {
        let Meeting { head, .. } = support::meeting(&room, sid);
        let started_at = support::now() + TimeDelta::hours(hours);
        let head = MeetingHead {
            started_at,
            state: MeetingState::Closed { ended_at: started_at },
            ..head
        };
        let closed = Meeting {
            head,
            ..support::meeting(&room, sid)
        };
        save(
            &mut conn,
            &Change {
                meetings: vec![closed.head],
                ..Change::new(Outcome::Applied)
            },
        )
        .await
        .unwrap();
    }

    let found = context(&mut conn, &event_room("standup", "RM_2")).await.unwrap();

    assert_eq!(found.meeting.unwrap().head.platform_room.key, "RM_2".into());
    assert_eq!(found.newest_other.unwrap().head.platform_room.key, "RM_3".into());
    assert!(found.deferred.is_empty());
}

#[sqlx::test]
async fn a_foreign_room_is_ours_only_if_adopted(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let adopt = || Adopt::As {
        id: support::id(),
        now: support::now(),
    };
    let (ours, unnameable) = (event_room("not-ours", "RM_1"), event_room("No Name!", "RM_2"));

    let foreign = context(&mut conn, &ours).await;
    let adopted = event_context(&mut conn, seen(&ours), adopt()).await.unwrap().unwrap();
    let again = event_context(&mut conn, seen(&ours), adopt()).await.unwrap().unwrap();
    let refused = event_context(&mut conn, seen(&unnameable), adopt()).await.unwrap();

    assert!(foreign.is_none() && refused.is_none());
    assert_eq!(adopted.room.name.as_str(), "not-ours");
    assert_eq!(again.room, adopted.room);
}

#[sqlx::test]
async fn a_deleted_room_receives_only_events_of_its_existing_meetings(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let meeting = support::meeting_with_track(&mut conn).await;
    rooms::delete(&mut conn, meeting.head.room_id, support::now())
        .await
        .unwrap();

    let old = context(&mut conn, &event_room("standup", "RM_1")).await;
    let new = context(&mut conn, &event_room("standup", "RM_2")).await;

    assert_eq!(old.unwrap().meeting, Some(meeting));
    assert!(new.is_none());
}

#[sqlx::test]
async fn changes_of_one_room_wait_for_each_other(pool: PgPool) {
    rooms::insert(&mut pool.acquire().await.unwrap(), &support::room("standup"))
        .await
        .unwrap();
    let (mut first, mut second) = (pool.begin().await.unwrap(), pool.begin().await.unwrap());
    context(&mut first, &event_room("standup", "RM_1")).await.unwrap();

    let (ours, blocked_on) = (event_room("standup", "RM_1"), event_room("standup", "RM_1"));
    let blocked = tokio::time::timeout(BLOCKED_AFTER, context(&mut second, &blocked_on)).await;
    drop(second);
    drop(first);
    let mut third = pool.begin().await.unwrap();
    let free = context(&mut third, &ours).await;

    assert!(blocked.is_err());
    assert!(free.is_some());
}

#[sqlx::test]
async fn a_save_queues_jobs_in_the_callers_transaction(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let meeting = support::meeting_with_track(&mut conn).await;
    let job = Job::StartRecording {
        capture_id: meeting.captures[0].id,
    };
    let change = Change {
        jobs: vec![job],
        ..support::change(&meeting)
    };

    let mut tx = pool.begin().await.unwrap();
    save(&mut tx, &change).await.unwrap();
    tx.rollback().await.unwrap();

    let jobs: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(jobs, 0);
}

#[sqlx::test]
async fn meetings_are_listed_newest_first_by_room_state_platform_and_time(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let meeting = support::meeting_with_track(&mut conn).await;
    rooms::delete(&mut conn, meeting.head.room_id, support::now())
        .await
        .unwrap();
    let all = MeetingFilter::default();
    let found = list(&mut conn, &all, None, 9).await.unwrap();
    let last = Some((found[0].started_at, found[0].id));
    let room = |name: &str| Some(RoomName::parse(name).unwrap());
    let (then, later) = (support::now(), support::now() + TimeDelta::microseconds(1));
    let mut counts = vec![list(&mut conn, &all, last, 9).await.unwrap().len()];

    #[rustfmt::skip]
    let filters = [
        MeetingFilter { room: room("standup"), is_open: Some(true), from: Some(then), to: Some(later), ..all.clone() },
        MeetingFilter { room: room("retro"), ..all.clone() },
        MeetingFilter { is_open: Some(false), ..all.clone() },
        MeetingFilter { platform: Some(PlatformKind::Daily), ..all.clone() },
        MeetingFilter { from: Some(later), ..all.clone() },
        MeetingFilter { to: Some(then), ..all },
    ];
    for filter in filters {
        counts.push(list(&mut conn, &filter, None, 9).await.unwrap().len());
    }

    let seen = view(&mut conn, meeting.head.id).await.unwrap();
    assert_eq!(seen.as_ref(), Some(&found[0]));
    assert_eq!(
        (found[0].room.as_str(), found[0].transcript),
        ("standup", TranscriptState::Pending)
    );
    assert_eq!(counts, [0, 1, 0, 0, 0, 0, 0]);
}

#[sqlx::test]
async fn the_meetings_of_a_deleted_room_are_listed_by_its_name(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let meeting = support::meeting_with_track(&mut conn).await;
    rooms::delete(&mut conn, meeting.head.room_id, support::now())
        .await
        .unwrap();
    rooms::insert(&mut conn, &support::room("standup")).await.unwrap();
    let of = |name: &str| MeetingFilter {
        room: Some(RoomName::parse(name).unwrap()),
        ..MeetingFilter::default()
    };

    let listed = list(&mut conn, &of("standup"), None, 9).await.unwrap();
    let others = list(&mut conn, &of("other"), None, 9).await.unwrap();

    assert_eq!(listed.iter().map(|m| m.id).collect::<Vec<_>>(), [meeting.head.id]);
    assert!(others.is_empty());
}
