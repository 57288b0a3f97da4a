use domain::{
    RoomName,
    meeting::{LiveParticipant, LiveRoom},
    participant::{ObservedParticipant, ParticipantKind},
    platform_room::MadeRoom,
    room::Room,
};
use platform::{
    Platforms,
    fake::{Availability, FakePlatform},
};
use sqlx::PgPool;

use super::*;
use crate::{reconcile::run_once, support::WorkerTest};

/// A worker on Daily alone, with a room whose platform room was made.
struct DailyTest {
    test: WorkerTest,
    daily: Arc<FakePlatform>,
    room: Room,
    made: PlatformRoom,
}

impl DailyTest {
    async fn new(pool: PgPool) -> Self {
        let mut test = WorkerTest::new(pool).await;
        let daily = Arc::new(FakePlatform::new(PlatformKind::Daily));
        test.ctx.platforms = Platforms::new(vec![daily.clone() as Arc<dyn Platform>]);
        let name = RoomName::parse("daily-standup").unwrap();
        let room = Room::new((test.ctx.ids)().into(), name, PlatformKind::Daily, test.now());
        let made = PlatformRoom {
            id: (test.ctx.ids)().into(),
            room_id: room.id,
            platform: PlatformKind::Daily,
            made: MadeRoom {
                key: "standup-0".into(),
                url: "https://daily.invalid/standup-0".to_owned(),
                host_url: None,
                expires_at: test.now() + TimeDelta::hours(24),
            },
            created_at: test.now(),
        };
        let mut conn = test.ctx.conn().await.unwrap();
        storage::rooms::insert(&mut conn, &room).await.unwrap();
        platform_rooms::insert_if_absent(&mut conn, &made).await.unwrap();
        drop(conn);
        let this = Self {
            test,
            daily,
            room,
            made,
        };
        this.leave_behind("standup-0", &this.room);
        this
    }

    fn leave_behind(&self, key: &str, room: &Room) {
        self.daily.leave_behind(LeftoverRoom {
            key: key.into(),
            room_id: room.id,
            created_at: Some(self.test.now()),
        });
    }

    /// Sets who is in the platform room now.
    fn set_people(&self, identities: &[&str]) {
        let person = |identity: &&str| LiveParticipant {
            participant: ObservedParticipant {
                sid: format!("session-{identity}").as_str().into(),
                identity: (*identity).into(),
                display_name: String::new(),
                kind: ParticipantKind::Standard,
                joined_at: Some(self.test.now()),
            },
            tracks: Vec::new(),
            capture_ids: Vec::new(),
            beat: None,
        };
        self.daily.set_room(LiveRoom {
            room: by_key(&self.made.made.key),
            listed_at: self.test.now(),
            participants: identities.iter().map(person).collect(),
        });
    }

    async fn pass(&self, seconds: i64) {
        for _ in 0..seconds / 15 {
            self.test.advance(15);
            self.test.reconcile().await;
        }
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_meeting_on_daily_alone_closes_a_minute_after_everyone_left_and_its_room_is_deleted(pool: PgPool) {
    let daily = DailyTest::new(pool).await;
    daily.set_people(&["ada"]);
    daily.test.reconcile().await;
    let open = daily.test.meeting().await.head;

    daily.daily.remove_room("standup-0");
    daily.pass(60).await;
    let after_45_s = daily.test.meeting().await.head.is_open();
    daily.pass(30).await;

    assert_eq!(
        open.platform_room.url.as_deref(),
        Some("https://daily.invalid/standup-0")
    );
    assert!(after_45_s && !daily.test.meeting().await.head.is_open());
    assert_eq!(daily.daily.deleted(), ["standup-0".into()], "once");
    assert!(daily.daily.made().is_empty());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_platform_room_is_deleted_once_the_platform_answers_again(pool: PgPool) {
    let daily = DailyTest::new(pool).await;
    let mut conn = daily.test.ctx.conn().await.unwrap();
    storage::rooms::delete(&mut conn, daily.room.id, daily.test.now())
        .await
        .unwrap();
    drop(conn);

    daily.daily.set_availability(Availability::Down);
    run_once(&daily.test.ctx).await.unwrap_err();
    daily.daily.set_availability(Availability::Up);
    daily.pass(60).await;

    assert_eq!(daily.daily.deleted(), ["standup-0".into()]);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_platform_room_that_no_join_stored_is_deleted_and_those_of_others_are_not(pool: PgPool) {
    let daily = DailyTest::new(pool).await;
    let elsewhere = Room {
        id: (daily.test.ctx.ids)().into(),
        ..daily.room.clone()
    };
    daily.leave_behind("left-behind", &daily.room);
    daily.leave_behind("of-another-installation", &elsewhere);

    daily.test.reconcile().await;
    let young = daily.daily.deleted();
    daily.pass(900).await;

    assert!(young.is_empty());
    assert_eq!(daily.daily.deleted(), ["left-behind".into()]);
}
