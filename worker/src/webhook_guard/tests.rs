use domain::{
    RoomId, RoomName, event::PlatformKind, meeting::Meeting, participant::Role, permissions::Permissions,
    platform_room::PlatformRoom, room::Room,
};
use platform::{
    JoinRequest, Platforms, RoomToJoin,
    daily::{CaptureLimits, Daily, DailyConfig},
};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use test_support::platforms::{
    Scripted,
    daily::{API_KEY, FakeDaily},
};
use uuid::Uuid;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::*;
use crate::support::WorkerTest;

/// Base64 of 32 bytes.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const ROOM: &str = "daily-standup";

/// A worker with a room at Daily, and the address to which Daily sends webhooks.
struct DailyTest {
    worker: WorkerTest,
    daily: FakeDaily,
    adapter: Arc<dyn Platform>,
    address: MockServer,
    room: RoomId,
}

impl DailyTest {
    async fn new(pool: PgPool) -> Self {
        let (mut worker, daily) = (WorkerTest::new(pool).await, FakeDaily::start().await);
        let address = MockServer::start().await;
        let adapter: Arc<dyn Platform> = Arc::new(Daily::new(config(&daily, &address)).unwrap());
        worker.ctx.platforms = Platforms::new(vec![adapter.clone()]);
        worker.ctx.clock = Arc::new(Utc::now); // as the fake
        let room = Room::new(
            Uuid::now_v7().into(),
            RoomName::parse(ROOM).unwrap(),
            PlatformKind::Daily,
            Utc::now(),
        );
        storage::rooms::insert(&mut worker.ctx.conn().await.unwrap(), &room)
            .await
            .unwrap();
        let test = Self {
            worker,
            daily,
            adapter,
            address,
            room: room.id,
        };
        test.answer(200).await;
        test
    }

    /// Answers later webhooks with this status.
    async fn answer(&self, status: u16) {
        self.address.reset().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(status))
            .mount(&self.address)
            .await;
    }

    /// Lets somebody join, making and storing the platform room if there is none. Returns their session.
    async fn join(&self, name: &str) -> String {
        let mut conn = self.worker.ctx.conn().await.unwrap();
        let current = storage::platform_rooms::find_current(&mut conn, self.room)
            .await
            .unwrap();
        let request = JoinRequest {
            room: RoomName::parse(ROOM).unwrap(),
            identity: Some(name.into()),
            display_name: name.to_uppercase(),
            role: Role::Participant,
            permissions: Permissions::of(Role::Participant),
            ttl: None,
        };
        let to_join = RoomToJoin {
            id: self.room,
            current: current.map(|current| current.made),
            made_before: 0,
        };
        let admission = self.adapter.admit(&request, &to_join, Utc::now()).await.unwrap();
        if let Some(made) = admission.made {
            let made = PlatformRoom {
                id: Uuid::now_v7().into(),
                room_id: self.room,
                platform: PlatformKind::Daily,
                made,
                created_at: Utc::now(),
            };
            storage::platform_rooms::insert_if_absent(&mut conn, &made)
                .await
                .unwrap();
        }
        self.daily.join(admission.token.unwrap().expose_secret()).await.unwrap()
    }

    async fn check(&self) -> Result<(), GuardError> {
        check_once(&self.worker.ctx).await
    }

    /// The only meeting, if there is one.
    async fn meeting(&self) -> Option<Meeting> {
        let id: Option<Uuid> = sqlx::query_scalar("SELECT id FROM meetings")
            .fetch_optional(&self.worker.ctx.pool)
            .await
            .unwrap();
        let mut conn = self.worker.ctx.conn().await.unwrap();
        storage::meetings::find_whole(&mut conn, id?.into()).await.unwrap()
    }

    fn posts(&self) -> usize {
        self.daily.controls().requests("POST /v1/webhooks")
    }
}

fn config(daily: &FakeDaily, address: &MockServer) -> DailyConfig {
    DailyConfig {
        api_url: daily.api_url(),
        api_key: API_KEY.into(),
        webhook_secrets: vec![SECRET.into()],
        webhook_url: Some(address.uri()),
        bucket: None,
        max_participants: None,
        room_life: DailyConfig::DEFAULT_ROOM_LIFE,
        capture_limits: CaptureLimits::default(),
        identities: Arc::new(Uuid::new_v4),
    }
}

fn active() -> Vec<(String, u64)> {
    vec![("ACTIVE".to_owned(), 0)]
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_missing_webhook_is_created_once(pool: PgPool) {
    let test = DailyTest::new(pool).await;

    test.check().await.unwrap();
    test.check().await.unwrap();
    test.daily.delete_webhooks();
    test.check().await.unwrap();

    assert_eq!((test.daily.webhooks(), test.posts()), (active(), 2));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_webhook_that_is_switched_off_in_mid_meeting_is_repaired_and_nothing_is_lost(pool: PgPool) {
    let test = DailyTest::new(pool).await;
    test.check().await.unwrap();
    test.answer(500).await;

    let ada = test.join("ada").await;
    let bob = test.join("bob").await;
    assert_eq!(test.daily.webhooks(), [("FAILED".to_owned(), 3)]);
    assert!(test.check().await.is_err(), "our address does not answer yet");
    test.answer(200).await;
    test.check().await.unwrap();

    let meeting = test.meeting().await.unwrap();
    assert_eq!(test.daily.webhooks(), active());
    assert!(meeting.head.is_open());
    let mut names: Vec<_> = meeting.participants.iter().map(|p| p.display_name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ADA", "BOB"]);

    test.answer(500).await;
    test.daily.leave(&ada).await;
    test.daily.leave(&bob).await;
    test.answer(200).await;
    test.check().await.unwrap();

    let meeting = test.meeting().await.unwrap();
    assert_eq!(test.daily.webhooks(), active());
    assert!(!meeting.head.is_open());
    assert!(
        meeting
            .connections
            .iter()
            .all(|connection| connection.left_at.is_some())
    );
    assert_eq!(meeting.participants.len(), 2);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn what_was_read_before_a_crash_is_read_again_and_counted_once(pool: PgPool) {
    let test = DailyTest::new(pool).await;
    test.join("ada").await;
    let platform = &test.adapter;

    let since = Utc::now() - TimeDelta::hours(1);
    catch_up(&test.worker.ctx, platform, since).await.unwrap();
    catch_up(&test.worker.ctx, platform, since).await.unwrap();

    let meeting = test.meeting().await.unwrap();
    assert_eq!((meeting.participants.len(), meeting.connections.len()), (1, 1));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_daily_that_does_not_answer_is_asked_again_and_nothing_is_changed(pool: PgPool) {
    let test = DailyTest::new(pool).await;
    let controls = test.daily.controls();

    controls.answer("GET /v1/webhooks", Scripted::Garbage("<html>"));
    assert!(test.check().await.is_err());
    controls.answer("GET /v1/meetings", Scripted::TooMany { retry_after: 60 });
    assert!(test.check().await.is_err());

    assert_eq!((test.posts(), test.daily.webhooks()), (0, Vec::new()));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_second_worker_leaves_the_check_to_the_first(pool: PgPool) {
    let test = DailyTest::new(pool).await;
    let mut lock = test.worker.ctx.begin().await.unwrap();
    assert!(locks::try_lock(&mut lock, LOCK).await.unwrap());

    test.check().await.unwrap();

    assert_eq!(test.daily.controls().requests(""), 0);
}
