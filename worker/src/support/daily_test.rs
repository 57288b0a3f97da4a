//! A worker whose only platform is a fake of Daily.

use std::sync::Arc;

use chrono::Utc;
use domain::{
    RoomId, RoomName, event::PlatformKind, meeting::Meeting, participant::Role, permissions::Permissions,
    platform_room::PlatformRoom, room::Room,
};
use platform::{
    JoinRequest, Platform, Platforms, RoomToJoin,
    daily::{CaptureLimits, Daily, DailyConfig},
};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use test_support::platforms::daily::{API_KEY, FakeDaily};
use uuid::Uuid;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::worker_test::WorkerTest;
use crate::webhook_guard::{self, GuardError};

/// Base64 of 32 bytes.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const ROOM: &str = "daily-standup";

/// A worker with a room at Daily, and the address to which Daily sends webhooks.
pub struct DailyTest {
    pub worker: WorkerTest,
    pub daily: FakeDaily,
    pub adapter: Arc<dyn Platform>,
    address: MockServer,
    room: RoomId,
}

impl DailyTest {
    pub async fn new(pool: PgPool) -> Self {
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
    pub async fn answer(&self, status: u16) {
        self.address.reset().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(status))
            .mount(&self.address)
            .await;
    }

    /// Lets somebody join, making and storing the platform room if there is none. Returns their session.
    pub async fn join(&self, name: &str) -> String {
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

    /// Checks Daily's webhook, and repairs it.
    pub async fn check(&self) -> Result<(), GuardError> {
        webhook_guard::check_once(&self.worker.ctx).await
    }

    /// Learns from Daily's lists what has happened, as after the loss of the webhook.
    pub async fn learn(&self) {
        self.daily.delete_webhooks();
        self.check().await.unwrap();
    }

    /// The only meeting, if there is one.
    pub async fn meeting(&self) -> Option<Meeting> {
        let id: Option<Uuid> = sqlx::query_scalar("SELECT id FROM meetings")
            .fetch_optional(&self.worker.ctx.pool)
            .await
            .unwrap();
        let mut conn = self.worker.ctx.conn().await.unwrap();
        storage::meetings::find_whole(&mut conn, id?.into()).await.unwrap()
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
