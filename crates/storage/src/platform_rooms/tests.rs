use chrono::TimeDelta;
use domain::{
    event::EventRoom,
    meeting::{Meeting, MeetingState, Sighting},
    room::Room,
};
use sqlx::PgPool;

use super::*;
use crate::{
    ChangeTx,
    meetings::{self, Adopt},
    rooms, support,
};

fn daily_room(name: &str) -> Room {
    Room {
        platform: PlatformKind::Daily,
        ..support::room(name)
    }
}

fn platform_room(room: &Room, key: &str) -> PlatformRoom {
    PlatformRoom {
        id: support::id(),
        room_id: room.id,
        platform: room.platform,
        made: MadeRoom {
            key: key.into(),
            url: format!("https://acme.daily.test/{key}"),
            host_url: Some(format!("https://acme.daily.test/{key}?roomKey=secret").into()),
            expires_at: support::now() + TimeDelta::hours(2),
        },
        created_at: support::now(),
    }
}

async fn keys_to_remove(conn: &mut PgConnection) -> Vec<String> {
    let rows = list_to_remove(conn, PlatformKind::Daily, 9).await.unwrap();
    rows.into_iter().map(|row| row.made.key.0).collect()
}

#[sqlx::test]
async fn a_room_has_one_current_platform_room_and_the_first_stays(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let room = daily_room("standup");
    rooms::insert(&mut conn, &room).await.unwrap();
    let (first, second) = (platform_room(&room, "a"), platform_room(&room, "b"));

    insert_if_absent(&mut conn, &first).await.unwrap();
    insert_if_absent(&mut conn, &second).await.unwrap();

    assert_eq!(find_current(&mut conn, room.id).await.unwrap(), Some(first.clone()));
    assert_eq!(
        find_by_key(&mut conn, PlatformKind::Daily, &"a".into()).await.unwrap(),
        Some(first)
    );
    assert_eq!(count(&mut conn, room.id).await.unwrap(), 1);
}

#[sqlx::test]
async fn an_expiring_or_unused_one_makes_way_for_another(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let room = daily_room("standup");
    rooms::insert(&mut conn, &room).await.unwrap();
    insert_if_absent(&mut conn, &platform_room(&room, "a")).await.unwrap();

    let (now, hours) = (support::now(), TimeDelta::hours);
    end_expiring(&mut conn, room.id, now, now + hours(1)).await.unwrap();
    let early = find_current(&mut conn, room.id).await.unwrap();
    let meeting = support::meeting(&room, "a");
    meetings::save(&mut conn, &support::change(&meeting)).await.unwrap();
    end_expiring(&mut conn, room.id, now, now + hours(3)).await.unwrap();
    let in_use = find_current(&mut conn, room.id).await.unwrap();
    end_expiring(&mut conn, room.id, now + hours(2), now + hours(3))
        .await
        .unwrap();
    insert_if_absent(&mut conn, &platform_room(&room, "b")).await.unwrap();
    rooms::delete(&mut conn, room.id, support::now()).await.unwrap();
    let ended = end_unused(&mut conn, now + hours(3)).await.unwrap();

    assert!(early.is_some() && in_use.is_some());
    assert_eq!(ended, 1);
    assert_eq!(find_current(&mut conn, room.id).await.unwrap(), None);
    assert_eq!(keys_to_remove(&mut conn).await, ["b"], "somebody is in the other");
}

#[sqlx::test]
async fn a_platform_room_ends_with_its_meeting_and_is_removed_once(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let room = daily_room("standup");
    rooms::insert(&mut conn, &room).await.unwrap();
    let made = platform_room(&room, "a");
    insert_if_absent(&mut conn, &made).await.unwrap();
    let meeting = support::meeting(&room, "a");
    meetings::save(&mut conn, &support::change(&meeting)).await.unwrap();

    let while_open = find_current(&mut conn, room.id).await.unwrap();
    let mut tx = ChangeTx::begin(&pool).await.unwrap();
    let close = |_: &Room, meeting: &Meeting| {
        let mut change = support::change(meeting);
        change.meetings[0].state = MeetingState::Closed {
            ended_at: support::now(),
        };
        change
    };
    tx.change_meeting(meeting.head.id, close).await.unwrap();
    tx.commit().await.unwrap();
    let to_remove = keys_to_remove(&mut conn).await;
    set_removed(&mut conn, made.id, support::now()).await.unwrap();

    assert!(while_open.is_some());
    assert_eq!(find_current(&mut conn, room.id).await.unwrap(), None);
    assert_eq!(to_remove, ["a"]);
    assert!(keys_to_remove(&mut conn).await.is_empty());
}

#[sqlx::test]
async fn an_event_finds_our_room_by_the_key_and_never_by_the_platforms_name(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let room = daily_room("standup");
    rooms::insert(&mut conn, &room).await.unwrap();
    insert_if_absent(&mut conn, &platform_room(&room, "a")).await.unwrap();
    let seen = |key: &str| EventRoom {
        name: None,
        key: key.into(),
        session: None,
        created_at: None,
    };
    let adopt = Adopt::As {
        id: support::id(),
        now: support::now(),
    };

    let mut found = Vec::new();
    for (platform, key) in [
        (PlatformKind::Daily, "a"),
        (PlatformKind::Daily, "standup"),
        (PlatformKind::Whereby, "a"),
    ] {
        let sighting = Sighting {
            platform,
            room: &seen(key),
            at: support::now(),
            shows_person: true,
        };
        let context = meetings::event_context(&mut conn, sighting, adopt).await.unwrap();
        found.push(context.map(|context| (context.room.id, context.url.unwrap())));
    }

    assert_eq!(
        found,
        [Some((room.id, "https://acme.daily.test/a".to_owned())), None, None]
    );
}
