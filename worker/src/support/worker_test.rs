//! A worker's surroundings with one room, in which things happen as a test says.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    EgressId, Identity, MeetingId, ObjectKey, RoomName, TrackSid,
    event::{EgressFile, EgressReport, EgressStatus, EventRoom, PlatformKind},
    job::Queue,
    manifest::{
        End, Fit, Manifest, ManifestClock, ManifestFile, ManifestParticipant, PacketCounts, TrackscribeManifest,
        VERSION,
    },
    meeting::{LiveParticipant, LiveRoom, Meeting},
    participant::{ParticipantKind, ParticipantSeen},
    recording::Recording,
    room::Room,
    track::{TrackKind, TrackSeen, TrackSource},
};
use objects::{Body, FolderConfig, StoreConfig};
use platform::{Platform, Platforms, fake::FakePlatform};
use sha2::{Digest, Sha256};
use storage::PgPool;
use tempfile::TempDir;
use test_support::wait_until;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{attempt, context::WorkerContext, engine::fake::FakeEngine, reconcile};

/// Only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(60);

const ROOM: &str = "standup";

/// Database, store, platform and engine. Ada and Bob are in the room once [`WorkerTest::people_join`] was called.
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
        let store = objects::open(&StoreConfig::Folder(FolderConfig {
            root: folder.path().to_owned(),
        }))
        .unwrap();
        let now = Arc::new(Mutex::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
        let (platform, engine) = (Arc::new(FakePlatform::new(PlatformKind::Livekit)), Arc::new(engine));
        let clock = now.clone();
        let ctx = WorkerContext {
            pool,
            recordings: store.clone(),
            transcripts: store,
            platforms: Platforms::new(vec![platform.clone() as Arc<dyn Platform>]),
            engine: Some(engine.clone()),
            clock: Arc::new(move || *clock.lock().unwrap()),
            ids: Arc::new(Uuid::now_v7),
            adopt_rooms: false,
        };
        let test = Self {
            ctx,
            platform,
            engine,
            now,
            folder,
        };
        let room = Room::new(
            Uuid::now_v7().into(),
            RoomName::parse(ROOM).unwrap(),
            PlatformKind::Livekit,
            test.now(),
        );
        storage::rooms::insert(&mut test.ctx.pool.acquire().await.unwrap(), &room)
            .await
            .unwrap();
        test
    }

    pub fn now(&self) -> DateTime<Utc> {
        (self.ctx.clock)()
    }

    pub fn advance(&self, seconds: i64) {
        *self.now.lock().unwrap() += TimeDelta::seconds(seconds);
    }

    pub fn object_path(&self, key: &ObjectKey) -> PathBuf {
        self.folder.path().join(key.as_str())
    }

    /// Each with a microphone that the platform shows; nobody tells us.
    pub fn people_join(&self, identities: &[&str]) {
        let participants = identities
            .iter()
            .map(|identity| self.live_participant(identity))
            .collect();
        let room = EventRoom {
            name: ROOM.to_owned(),
            sid: "RM_1".into(),
            created_at: Some(self.now()),
        };
        self.platform.set_room(LiveRoom { room, participants });
    }

    fn live_participant(&self, identity: &str) -> LiveParticipant {
        LiveParticipant {
            seen: ParticipantSeen {
                sid: format!("PA_{identity}").as_str().into(),
                identity: identity.into(),
                display_name: identity.to_uppercase(),
                kind: ParticipantKind::Standard,
                joined_at: Some(self.now()),
            },
            tracks: vec![TrackSeen {
                sid: track_sid(&identity.into()),
                kind: TrackKind::Audio,
                source: TrackSource::Microphone,
                mime_type: "audio/opus".to_owned(),
                encrypted: false,
            }],
        }
    }

    pub async fn reconcile(&self) {
        reconcile::run_once(&self.ctx).await.unwrap();
    }

    /// The room's only meeting, as it is in the database.
    pub async fn meeting(&self) -> Meeting {
        let mut tx = self.ctx.pool.begin().await.unwrap();
        let id: Uuid = sqlx::query_scalar("SELECT id FROM meetings")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        storage::meetings::lock(&mut tx, MeetingId(id))
            .await
            .unwrap()
            .unwrap()
            .1
    }

    pub async fn recording_of(&self, identity: &str) -> Recording {
        let found = self
            .meeting()
            .await
            .recordings
            .into_iter()
            .find(|r| r.identity.as_str() == identity);
        found.expect("there is a recording of everyone")
    }

    /// Does what is due, and what becomes due by that, without a queue.
    pub async fn run_jobs(&self) {
        self.run_jobs_of(&Queue::ALL).await;
    }

    /// As [`WorkerTest::run_jobs`], but leaves transcriptions due.
    pub async fn run_jobs_until_accepted(&self) {
        self.run_jobs_of(&[Queue::StartRecording, Queue::AcceptRecording]).await;
    }

    async fn run_jobs_of(&self, queues: &[Queue]) {
        let stop = CancellationToken::new();
        loop {
            let mut due = Vec::new();
            for queue in queues {
                let mut conn = self.ctx.pool.acquire().await.unwrap();
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

    /// Makes due what waits for its time.
    pub async fn make_jobs_due(&self) {
        sqlx::query("UPDATE jobs SET run_at = now(), woken_at = NULL")
            .execute(&self.ctx.pool)
            .await
            .unwrap();
    }

    /// Does jobs until all have ended, however often they must be tried.
    pub async fn run_jobs_to_the_end(&self) {
        while self.count_jobs("ready").await > 0 {
            self.make_jobs_due().await;
            self.run_jobs().await;
        }
    }

    pub async fn count_jobs(&self, state: &str) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = $1").bind(state);
        count.fetch_one(&self.ctx.pool).await.unwrap()
    }

    /// Ada and Bob meet, and their recordings are asked for.
    pub async fn meeting_with_recordings(&self, identities: &[&str]) -> Meeting {
        self.people_join(identities);
        self.reconcile().await;
        self.run_jobs().await;
        self.meeting().await
    }

    /// The recorder stores a file with its manifest, changed as the test wants, and the platform reports its end.
    pub async fn complete_recording(&self, identity: &str, file: &[u8], spoil: impl FnOnce(&mut Manifest)) {
        let recording = self.recording_of(identity).await;
        let egress = recording.egress_id.clone().expect("an egress was asked for");
        let key = ObjectKey::parse(format!("recordings/{ROOM}/{identity}-{egress}.ogg")).unwrap();
        let mut manifest = self.manifest(&recording, &egress, file);
        spoil(&mut manifest);
        let store = &self.ctx.recordings;
        store.put(&key, Body::from(file.to_vec()), "audio/ogg").await.unwrap();
        store
            .put(
                &key.manifest(),
                Body::from(manifest.to_json().unwrap()),
                "application/json",
            )
            .await
            .unwrap();
        self.report_egress(&recording, EgressStatus::Complete, Some(&key)).await;
    }

    /// What a webhook would do.
    pub async fn report_egress(&self, recording: &Recording, status: EgressStatus, key: Option<&ObjectKey>) {
        let report = EgressReport {
            egress_id: recording.egress_id.clone(),
            room_sid: Some(recording.platform_room_sid.clone()),
            track_sid: Some(recording.track_sid.clone()),
            status,
            error: None,
            details: None,
            file: key.map(|key| EgressFile {
                key: Some(key.to_string()),
                ..EgressFile::default()
            }),
            manifest_location: None,
            started_at: None,
            ended_at: Some(self.now()),
        };
        let mut tx = self.ctx.pool.begin().await.unwrap();
        let (_, meeting) = storage::meetings::lock(&mut tx, recording.meeting_id)
            .await
            .unwrap()
            .unwrap();
        let change = meeting.report(&report, self.ctx.source());
        storage::meetings::save(&mut tx, &change).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The room disappears, and two looks notice it.
    pub async fn remove_room(&self) {
        self.platform.remove_room(ROOM);
        self.reconcile().await;
        self.advance(16);
        self.reconcile().await;
    }

    fn manifest(&self, recording: &Recording, egress: &EgressId, file: &[u8]) -> Manifest {
        let started_ns = self.now().timestamp_nanos_opt().unwrap();
        let sha256 = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
        let probed = media::opus::probe(file).unwrap();
        Manifest {
            egress_id: egress.clone(),
            room_id: recording.platform_room_sid.clone(),
            room_name: ROOM.to_owned(),
            started_at: started_ns,
            ended_at: started_ns,
            publisher_identity: recording.identity.clone(),
            track_id: recording.track_sid.clone(),
            track_kind: "audio".to_owned(),
            track_source: "microphone".to_owned(),
            audio_track_id: recording.track_sid.clone(),
            files: vec![ManifestFile {
                filename: String::new(),
                location: String::new(),
            }],
            trackscribe: TrackscribeManifest {
                version: VERSION,
                participant: ManifestParticipant {
                    identity: recording.identity.clone(),
                    sid: "PA_1".into(),
                    name: String::new(),
                },
                sha256,
                size_bytes: file.len() as u64,
                samples: probed.samples - u64::from(probed.head.pre_skip),
                clock: ManifestClock {
                    first_rtp_timestamp: 0,
                    first_arrival_ns: started_ns,
                    fit: Fit {
                        a_ns: started_ns,
                        b_ns: 1e9 / 48_000.0,
                    },
                    anchors: Vec::new(),
                },
                gaps: Vec::new(),
                mutes: Vec::new(),
                counts: PacketCounts::default(),
                end: End {
                    status: "EGRESS_COMPLETE".to_owned(),
                    details: String::new(),
                },
            },
        }
    }
}

/// Waits for a condition.
pub async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    wait_until(what, TIMEOUT, async || condition().await.then_some(())).await;
}

fn track_sid(identity: &Identity) -> TrackSid {
    TrackSid(format!("TR_{identity}"))
}
