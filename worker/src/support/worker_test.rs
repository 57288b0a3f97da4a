//! A worker's context with one room, a clock and a fake platform that a test controls.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ObjectKey, RoomName, event::PlatformKind, job::Queue, room::Room};
use objects::{FolderConfig, Objects, StoreConfig};
use platform::{Platform, Platforms, fake::FakePlatform};
use storage::PgPool;
use tempfile::TempDir;
use test_support::wait_until;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    attempt,
    context::{Kept, WorkerContext},
    engine::fake::FakeEngine,
    reconcile::EndLimits,
};

/// Only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The only room.
pub const ROOM: &str = "standup";

/// A worker without its queue: database, store, fake platform and fake engine.
pub struct WorkerTest {
    pub ctx: WorkerContext,
    pub platform: Arc<FakePlatform>,
    pub engine: Arc<FakeEngine>,
    now: Arc<Mutex<DateTime<Utc>>>,
    folder: TempDir,
}

impl WorkerTest {
    pub async fn new(pool: PgPool) -> Self {
        Self::with_engine(pool, FakeEngine::default()).await
    }

    pub async fn with_engine(pool: PgPool, engine: FakeEngine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (platform, engine) = (Arc::new(FakePlatform::new(PlatformKind::Livekit)), Arc::new(engine));
        let now = Arc::new(Mutex::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
        let (store, clock) = (folder_store(folder.path()), now.clone());
        let ctx = WorkerContext {
            pool,
            recordings: store.clone(),
            transcripts: store,
            platforms: Platforms::new(vec![platform.clone() as Arc<dyn Platform>]),
            engine: Some(engine.clone()),
            clock: Arc::new(move || *clock.lock().unwrap()),
            ids: Arc::new(Uuid::now_v7),
            beats: Arc::default(),
            vacancies: Arc::default(),
            leftovers: Arc::default(),
            end_limits: EndLimits {
                departure: TimeDelta::seconds(60),
                longest: Some(TimeDelta::hours(24)),
            },
            adopt_rooms: false,
            kept: Kept {
                events: TimeDelta::days(30),
                jobs: TimeDelta::days(7),
            },
        };
        insert_room(&ctx).await;
        Self {
            ctx,
            platform,
            engine,
            now,
            folder,
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        (self.ctx.clock)()
    }

    /// Moves the worker's clock; the database keeps its own.
    pub fn advance(&self, seconds: i64) {
        *self.now.lock().unwrap() += TimeDelta::seconds(seconds);
    }

    pub fn object_path(&self, key: &ObjectKey) -> PathBuf {
        self.folder.path().join(key.as_str())
    }

    /// Runs due jobs, and those that become due by that, without a queue.
    pub async fn run_jobs(&self) {
        self.run_jobs_of(&Queue::ALL).await;
    }

    /// As [`WorkerTest::run_jobs`], but leaves transcriptions due.
    pub async fn run_jobs_until_accepted(&self) {
        self.run_jobs_of(&[Queue::StartRecording, Queue::AcceptRecording]).await;
    }

    /// As [`WorkerTest::run_jobs`], but leaves the merge of transcripts due.
    pub async fn run_jobs_until_transcribed(&self) {
        self.run_jobs_of(&[Queue::StartRecording, Queue::AcceptRecording, Queue::TranscribeTrack])
            .await;
    }

    async fn run_jobs_of(&self, queues: &[Queue]) {
        let stop = CancellationToken::new();
        loop {
            let mut due = Vec::new();
            for queue in queues {
                let mut conn = self.ctx.conn().await.unwrap();
                due.extend(storage::jobs::take_due(&mut conn, queue.as_str(), 100).await.unwrap());
            }
            if due.is_empty() {
                return;
            }
            for job in due {
                attempt::run(job, &self.ctx, &stop).await;
            }
        }
    }

    /// Makes jobs due that wait for their next attempt.
    pub async fn make_jobs_due(&self) {
        self.execute("UPDATE jobs SET run_at = now(), woken_at = NULL").await;
    }

    /// Runs an SQL statement, for what no API offers.
    pub async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.ctx.pool).await.unwrap();
    }

    pub async fn count_jobs(&self, state: &str) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = $1").bind(state);
        count.fetch_one(&self.ctx.pool).await.unwrap()
    }
}

/// Waits until `condition` holds; panics with `what` after [`TIMEOUT`].
pub async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    wait_until(what, TIMEOUT, async || condition().await.then_some(())).await;
}

fn folder_store(root: &Path) -> Objects {
    objects::open(&StoreConfig::Folder(FolderConfig { root: root.to_owned() })).unwrap()
}

async fn insert_room(ctx: &WorkerContext) {
    let name = RoomName::parse(ROOM).unwrap();
    let room = Room::new(Uuid::now_v7().into(), name, PlatformKind::Livekit, (ctx.clock)());
    storage::rooms::insert(&mut ctx.conn().await.unwrap(), &room)
        .await
        .unwrap();
}
