use std::sync::Arc;

use axum::http::Method;
use domain::{RoomName, event::PlatformKind, participant::Role, permissions::Permissions};
use platform::{
    Platforms,
    fake::{Availability, FakePlatform},
};
use secrecy::ExposeSecret;
use serde_json::json;
use storage::PgPool;

use super::*;
use crate::support::TestApp;

async fn app_on(pool: PgPool, kind: PlatformKind) -> (TestApp, Arc<FakePlatform>, Room) {
    let fake = Arc::new(FakePlatform::new(kind));
    let platforms = Platforms::new(vec![fake.clone() as Arc<dyn Platform>]);
    let app = TestApp::build(pool, |state| state.platforms = platforms);
    let name = RoomName::parse("standup").unwrap();
    let room = Room::new((app.state.ids)().into(), name, kind, app.now());
    let mut conn = app.state.conn().await.unwrap();
    storage::rooms::insert(&mut conn, &room).await.unwrap();
    drop(conn);
    (app, fake, room)
}

fn person(role: Role) -> JoinRequest {
    JoinRequest {
        room: RoomName::parse("standup").unwrap(),
        identity: None,
        display_name: "Ada".to_owned(),
        role,
        permissions: Permissions::of(role),
        ttl: None,
    }
}

async fn current_key(app: &TestApp, room: &Room) -> Option<String> {
    let mut conn = app.state.conn().await.unwrap();
    let current = platform_rooms::find_current(&mut conn, room.id).await.unwrap();
    current.map(|current| current.made.key.0)
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_first_join_makes_the_platform_room_and_the_others_use_it(pool: PgPool) {
    let (app, fake, room) = app_on(pool, PlatformKind::Whereby).await;

    let first = admit(&app.state, &room, &person(Role::Participant)).await.unwrap();
    let host = admit(&app.state, &room, &person(Role::Host)).await.unwrap();

    let key = current_key(&app, &room).await.unwrap();
    assert_eq!(fake.made(), [key.as_str().into()]);
    assert_eq!(first.url.expose_secret(), format!("https://whereby.invalid/{key}"));
    assert_eq!(host.url.expose_secret(), format!("https://whereby.invalid/{key}?host"));
    assert!(first.token.is_none() && host.made.is_none());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn many_first_joins_at_once_end_in_one_platform_room(pool: PgPool) {
    for kind in [PlatformKind::Daily, PlatformKind::Whereby] {
        let pool = pool.clone();
        let fake = Arc::new(FakePlatform::new(kind));
        let platforms = Platforms::new(vec![fake.clone() as Arc<dyn Platform>]);
        let app = TestApp::build(pool, |state| state.platforms = platforms);
        let name = RoomName::parse(kind.as_str()).unwrap();
        let room = Room::new(uuid::Uuid::now_v7().into(), name, kind, app.now());
        storage::rooms::insert(&mut app.state.conn().await.unwrap(), &room)
            .await
            .unwrap();

        let person = person(Role::Participant);
        let joins = (0..6).map(|_| admit(&app.state, &room, &person));
        let admitted = futures::future::try_join_all(joins).await.unwrap();

        let key = current_key(&app, &room).await.unwrap();
        assert_eq!(fake.made(), [key.as_str().into()], "{kind}: the losers' are deleted");
        let expected = format!("https://{kind}.invalid/{key}");
        assert!(admitted.iter().all(|a| a.url.expose_secret() == expected), "{kind}");
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_room_made_by_a_process_that_died_is_used_by_the_next_join(pool: PgPool) {
    let (app, fake, room) = app_on(pool, PlatformKind::Daily).await;
    let unstored = RoomToJoin {
        id: room.id,
        current: None,
        made_before: 0,
    };
    fake.admit(&person(Role::Participant), &unstored, app.now())
        .await
        .unwrap();

    admit(&app.state, &room, &person(Role::Participant)).await.unwrap();

    assert_eq!(fake.made().len(), 1);
    assert_eq!(current_key(&app, &room).await, Some(fake.made()[0].to_string()));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_platform_that_is_down_or_hangs_is_answered_503_and_stores_nothing(pool: PgPool) {
    let (app, fake, room) = app_on(pool, PlatformKind::Daily).await;
    fake.set_availability(Availability::Down);
    let down = admit(&app.state, &room, &person(Role::Participant)).await;

    fake.set_availability(Availability::Hangs);
    let hanging = admit(&app.state, &room, &person(Role::Participant)).await;

    for refused in [down, hanging] {
        assert!(matches!(refused, Err(ApiError::Unavailable { .. })), "{refused:?}");
    }
    assert_eq!(current_key(&app, &room).await, None);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_platform_room_that_has_expired_is_replaced(pool: PgPool) {
    let (app, fake, room) = app_on(pool, PlatformKind::Daily).await;
    admit(&app.state, &room, &person(Role::Participant)).await.unwrap();

    app.set_now(app.now() + chrono::TimeDelta::hours(25));
    let again = admit(&app.state, &room, &person(Role::Participant)).await.unwrap();

    assert_eq!(fake.made().len(), 2);
    let second = current_key(&app, &room).await.unwrap();
    assert_eq!(again.url.expose_secret(), format!("https://daily.invalid/{second}"));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_room_of_a_platform_that_is_not_configured_cannot_be_joined(pool: PgPool) {
    let (app, _fake, _room) = app_on(pool, PlatformKind::Daily).await;
    app.add_key(crate::support::WRITE, crate::keys::Scope::Admin).await;
    sqlx::query("UPDATE rooms SET platform = 'whereby'")
        .execute(&app.pool)
        .await
        .unwrap();

    let body = json!({"display_name": "Ada"});
    let answer = app.send_json(Method::POST, "/v1/rooms/standup/join", &body).await;

    assert_eq!(answer.status.as_u16(), 409, "{}", answer.text());
}
