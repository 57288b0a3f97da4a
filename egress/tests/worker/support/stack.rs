//! The servers of one test, workers in this process, and participants.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use domain::manifest::Manifest;
use egress::config::{ConfigArgs, EgressConfig};
use livekit_api::services::{
    ServiceError,
    egress::{EgressListFilter, EgressListOptions, TrackEgressOutput},
};
use livekit_protocol::{DirectFileOutput, EgressInfo, EgressStatus};
use rtc::publisher::AudioOptions;
use tempfile::TempDir;
use test_support::{FaultyProxy, LivekitServer, Participant, RedisServer, TrackPublisher, WebhookRelay, wait_until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::child::ChildWorker;

/// The room of every test.
pub const ROOM: &str = "standup";

/// The longest wait for what takes milliseconds on an idle machine. Only a failing test waits this long.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// livekit-server, Redis, a webhook receiver and a folder for the store and the spools.
pub struct EgressStack {
    pub livekit: LivekitServer,
    pub redis: RedisServer,
    pub webhooks: WebhookRelay,
    /// What workers use instead of Redis.
    proxy: Option<Arc<FaultyProxy>>,
    folder: TempDir,
}

/// A worker that runs in this process.
pub struct Worker {
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl EgressStack {
    pub async fn start() -> Self {
        let filter = std::env::var("TRACKSCRIBE_LOG").unwrap_or_else(|_| "error".to_owned());
        let args = boot::TelemetryArgs {
            filter,
            log_format: boot::telemetry::LogFormat::Human,
        };
        boot::telemetry::init(&args).unwrap();
        boot::tls::install_provider();
        let redis = RedisServer::start().await;
        let webhooks = WebhookRelay::start().await;
        // The relay only records these events: nothing receives them.
        for event in ["egress_started", "egress_updated", "egress_ended"] {
            webhooks.drop_events(event);
        }
        let livekit = LivekitServer::builder()
            .redis(&redis)
            .webhook(webhooks.url())
            .start()
            .await;
        Self {
            livekit,
            redis,
            webhooks,
            proxy: None,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts a worker. Returns once it receives requests. `extra` contains lines for `trackscribe` in its
    /// configuration.
    pub async fn worker(&self, name: &str, extra: &str) -> Worker {
        let before = self.listeners().await;
        let config = EgressConfig::parse(&self.config(name, extra), &ConfigArgs::default()).unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(egress::run(config, shutdown.clone()));
        let listening = async || (self.listeners().await > before).then_some(());
        wait_until("the worker listens", TIMEOUT, listening).await;
        Worker { shutdown, task }
    }

    /// Starts a worker in a process of its own. Returns once it receives requests.
    pub async fn child(&self, name: &str, extra: &str) -> ChildWorker {
        let before = self.listeners().await;
        let worker = self.child_at_once(name, extra);
        let listening = async || (self.listeners().await > before).then_some(());
        wait_until("the worker process listens", TIMEOUT, listening).await;
        worker
    }

    /// Starts a worker in a process of its own, which may have to wait for Redis.
    pub fn child_at_once(&self, name: &str, extra: &str) -> ChildWorker {
        let config = self.config_with(name, "suspend", extra);
        ChildWorker::start(name, &config, self.folder.path())
    }

    /// Puts a proxy between Redis and the workers that start from now on.
    pub async fn redis_proxy(&mut self) -> Arc<FaultyProxy> {
        let proxy = Arc::new(FaultyProxy::before(self.redis.address().parse().unwrap()).await);
        self.proxy = Some(proxy.clone());
        proxy
    }

    /// Joins a participant whose microphone sends all the time.
    pub async fn participant(&self, identity: &str) -> Participant {
        Participant::join(&self.livekit, ROOM, identity).await
    }

    /// Joins a participant whose track sends nothing until it plays a tone.
    pub async fn publisher(&self, identity: &str, options: AudioOptions) -> TrackPublisher {
        TrackPublisher::join(&self.livekit, ROOM, identity, options).await
    }

    /// Calls `StartTrackEgress` for the configured store.
    pub async fn record(&self, track_sid: &str, filepath: &str) -> Result<EgressInfo, ServiceError> {
        let file = DirectFileOutput {
            filepath: filepath.to_owned(),
            ..Default::default()
        };
        self.livekit
            .egress()
            .start_track_egress(ROOM, TrackEgressOutput::File(Box::new(file)), track_sid)
            .await
    }

    /// Waits until an egress has reached `status`, and returns its info from livekit-server.
    pub async fn egress_in(&self, egress_id: &str, status: EgressStatus) -> EgressInfo {
        self.egress_in_within(egress_id, status, TIMEOUT).await
    }

    pub async fn egress_in_within(&self, egress_id: &str, status: EgressStatus, timeout: Duration) -> EgressInfo {
        let what = format!("{egress_id} is {}", status.as_str_name());
        wait_until(&what, timeout, async || {
            self.egress(egress_id).await.filter(|info| info.status() == status)
        })
        .await
    }

    pub async fn egress(&self, egress_id: &str) -> Option<EgressInfo> {
        let filter = EgressListFilter::Egress(egress_id.to_owned());
        let options = EgressListOptions {
            filter,
            active: false,
            page_token: None,
        };
        self.livekit
            .egress()
            .list_egress(options)
            .await
            .ok()?
            .into_iter()
            .next()
    }

    /// The identities of all participants in the room, including hidden ones.
    pub async fn identities(&self) -> Vec<String> {
        let participants = self.livekit.rooms().list_participants(ROOM).await.unwrap();
        participants
            .into_iter()
            .map(|participant| participant.identity)
            .collect()
    }

    /// The egress events that livekit-server sent, in order.
    pub fn egress_events(&self) -> Vec<String> {
        self.webhooks
            .received()
            .into_iter()
            .filter(|event| event.starts_with("egress_"))
            .collect()
    }

    pub fn object(&self, key: &str) -> Vec<u8> {
        let path = self.objects().join(key);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn manifest(&self, key: &str) -> Manifest {
        Manifest::from_json(&self.object(key)).unwrap()
    }

    /// The number of recordings in the spool of a worker.
    pub fn spooled(&self, worker: &str) -> usize {
        let entries = std::fs::read_dir(self.spool(worker)).unwrap().flatten();
        entries.filter(|entry| entry.path().is_dir()).count()
    }

    /// Waits until a worker has removed the folders of its recordings, which follows the last report.
    pub async fn removed(&self, worker: &str) {
        let removed = async || (self.spooled(worker) == 0).then_some(());
        wait_until("the folders are removed", TIMEOUT, removed).await;
    }

    /// The folder of the store.
    pub fn objects(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    /// The audio of a recording in the spool of a worker.
    pub fn spooled_audio(&self, worker: &str, egress_id: &str) -> PathBuf {
        self.spool(worker).join(egress_id).join("recording.ogg")
    }

    pub fn spool(&self, worker: &str) -> PathBuf {
        self.folder.path().join("spool").join(worker)
    }

    fn config(&self, name: &str, extra: &str) -> String {
        self.config_with(name, "finish", extra)
    }

    fn config_with(&self, name: &str, drain: &str, extra: &str) -> String {
        let show = |path: &Path| path.display().to_string();
        format!(
            "api_key: {}\napi_secret: \"{}\"\nws_url: {}\nredis: {{address: '{}', password: '{}'}}\n\
             storage: {{file: {{root: {}}}}}\n\
             trackscribe:\n  instance: {name}\n  spool: {}\n  drain: {drain}\n  drain_timeout: 0s\n{extra}",
            self.livekit.api_key().key,
            self.livekit.api_secret(),
            self.livekit.url(),
            self.proxy
                .as_ref()
                .map_or_else(|| self.redis.address(), |proxy| proxy.address().to_string()),
            self.redis.password(),
            show(&self.objects()),
            show(&self.spool(name)),
        )
    }

    /// The number of subscribers to start requests.
    async fn listeners(&self) -> usize {
        let mut redis = self.redis.connect().await;
        let mut command = redis::cmd("PUBSUB");
        command.arg("NUMSUB").arg("EgressInternal|StartEgress|REQ");
        let (_, count): (String, usize) = command.query_async(&mut redis).await.unwrap();
        count
    }
}

impl Worker {
    /// Shuts the worker down as the first signal does. Returns once everything has been stored.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}
