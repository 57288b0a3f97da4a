//! Starts and stops the servers and roles of a stack.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;
use test_support::{
    Database, LivekitServer, OpenJob, PORT_ATTEMPTS, Port, RedisServer, Store, WebhookRelay, wait_until,
};

use super::role::{Role, RoleSettings, run_to_end};
use crate::api::Api;

/// How long the jobs of a test may take to finish.
const JOBS_TIMEOUT: Duration = Duration::from_secs(60);

/// Settings of a [`Stack`].
#[derive(Clone, Debug)]
pub struct StackBuilder {
    workers: usize,
    store: StoreKind,
    environment: Vec<(&'static str, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StoreKind {
    Folder,
    Bucket,
}

/// Running servers and roles. Dropping it stops everything. A test ends with [`finish`](Self::finish); one that does not
/// fails if a job is not done by then.
#[derive(Debug)]
pub struct Stack {
    pub(super) egress: Option<Role>,
    pub(super) more_egresses: Vec<Role>,
    workers: Vec<Role>,
    server: Option<Role>,
    pub livekit: LivekitServer,
    pub webhooks: WebhookRelay,
    pub redis: RedisServer,
    pub store: Store,
    pub database: Database,
    environment: Vec<(&'static str, String)>,
    key: String,
    folder: TempDir,
    is_finished: bool,
}

impl Default for StackBuilder {
    fn default() -> Self {
        Self {
            workers: 1,
            store: StoreKind::Bucket,
            environment: Vec::new(),
        }
    }
}

impl StackBuilder {
    /// How many workers to start; one by default.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Stores objects in a folder instead of a bucket.
    pub fn folder_store(mut self) -> Self {
        self.store = StoreKind::Folder;
        self
    }

    /// Sets an environment variable of server and workers.
    pub fn setting(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((variable, value.into()));
        self
    }

    /// Starts everything and creates an API key.
    ///
    /// # Panics
    /// When a program does not start.
    pub async fn start(self) -> Stack {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let (database, redis, webhooks) = (
            Database::create().await,
            RedisServer::start().await,
            WebhookRelay::start().await,
        );
        let livekit = LivekitServer::builder()
            .redis(&redis)
            .webhook(webhooks.url())
            .start()
            .await;
        let store = match self.store {
            StoreKind::Folder => Store::folder(),
            StoreKind::Bucket => Store::bucket().await,
        };
        let mut environment = environment(&database, &redis, &livekit);
        environment.extend(store.environment());
        environment.extend(self.environment);
        let mut stack = Stack {
            egress: None,
            more_egresses: Vec::new(),
            workers: Vec::new(),
            server: None,
            livekit,
            webhooks,
            redis,
            store,
            database,
            environment,
            key: String::new(),
            folder,
            is_finished: false,
        };
        stack.start_server().await;
        stack.key = stack.create_key();
        stack.start_egress().await;
        for _ in 0..self.workers {
            stack.add_worker().await;
        }
        stack
    }
}

impl Stack {
    /// Starts one server, one worker, one egress and a bucket.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn builder() -> StackBuilder {
        StackBuilder::default()
    }

    /// The API, with a key of scope admin.
    ///
    /// # Panics
    /// While the server is stopped.
    pub fn api(&self) -> Api {
        let server = self.server.as_ref().expect("the server is running");
        Api::new(server.url(), self.key.clone())
    }

    /// Starts the server and forwards webhooks to it.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_server(&mut self) {
        let server = self.start_role("server", "server").await;
        self.webhooks.forward_to(format!("{}/v1/livekit/webhook", server.url()));
        self.server = Some(server);
    }

    /// Stops the server with SIGTERM. Webhooks are refused from then on.
    pub fn stop_server(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// Starts another worker.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn add_worker(&mut self) {
        let name = format!("worker-{}", self.workers.len() + 1);
        let worker = self.start_role("worker", &name).await;
        self.workers.push(worker);
    }

    /// Kills the oldest worker, as a crash would.
    ///
    /// # Panics
    /// When no worker is running.
    pub fn kill_oldest_worker(&mut self) {
        self.workers.remove(0).kill();
    }

    /// Waits until every job is done, then stops everything.
    ///
    /// # Panics
    /// When a job is not done after a minute.
    pub async fn finish(mut self) {
        wait_until("all jobs are done", JOBS_TIMEOUT, async || {
            self.database.open_jobs().await.is_empty().then_some(())
        })
        .await;
        // A meeting that closes from now on adds jobs, which are not this test's subject.
        self.is_finished = true;
    }

    pub(super) async fn start_role(&self, role: &'static str, name: &str) -> Role {
        for _ in 0..PORT_ATTEMPTS {
            let settings = |port: &Port| RoleSettings {
                role,
                name: name.to_owned(),
                environment: self.role_environment(role, name, port),
            };
            if let Ok(started) = Role::start(self.folder.path(), settings).await {
                return started;
            }
        }
        panic!("cannot start {name}");
    }

    fn role_environment(&self, role: &str, name: &str, port: &Port) -> Vec<(&'static str, String)> {
        let bind = format!("127.0.0.1:{}", port.number());
        let mut environment = match role {
            "egress" => vec![("EGRESS_CONFIG_FILE", self.write_egress_yaml(name, port))],
            "server" => [self.environment.clone(), vec![("TRACKSCRIBE_BIND", bind)]].concat(),
            _ => [self.environment.clone(), vec![("TRACKSCRIBE_WORKER_BIND", bind)]].concat(),
        };
        environment.push(("TRACKSCRIBE_LOG", "info".to_owned()));
        environment.push(("TRACKSCRIBE_LOG_FORMAT", "human".to_owned()));
        environment
    }

    fn write_egress_yaml(&self, name: &str, port: &Port) -> String {
        let spool = self.folder.path().join(format!("{name}-spool"));
        let text = format!(
            "api_key: {}\napi_secret: {}\nws_url: {}\nredis:\n  address: {}\n  password: {}\n{}health_port: {}\n\
             prometheus_port: 0\ntrackscribe:\n  instance: {name}\n  spool: {}\n",
            self.livekit.api_key().key,
            self.livekit.api_secret(),
            self.livekit.url(),
            self.redis.address(),
            self.redis.password(),
            self.store.egress_section(),
            port.number(),
            spool.display(),
        );
        write(&self.folder.path().join(format!("{name}.yaml")), &text)
    }

    /// Creates an API key with the command that operators use.
    fn create_key(&self) -> String {
        let printed = run_to_end(
            &["key", "create", "--name", "e2e", "--scope", "admin"],
            &self.environment,
        );
        let key = printed.split_whitespace().find(|word| word.starts_with("tsk_"));
        key.unwrap_or_else(|| panic!("`key create` printed no key: {printed}"))
            .to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let open_jobs = self.database.open_jobs_blocking();
        for role in [self.egress.take()]
            .into_iter()
            .flatten()
            .chain(self.more_egresses.drain(..))
            .chain(self.workers.drain(..))
            .chain(self.server.take())
        {
            role.stop();
        }
        if !self.is_finished && !std::thread::panicking() {
            assert!(open_jobs.is_empty(), "jobs are not done: {}", list(&open_jobs));
        }
    }
}

fn list(jobs: &[OpenJob]) -> String {
    jobs.iter().map(|job| format!("\n  {job:?}")).collect()
}

fn environment(database: &Database, redis: &RedisServer, livekit: &LivekitServer) -> Vec<(&'static str, String)> {
    vec![
        ("DATABASE_URL", database.url().to_owned()),
        ("REDIS_URL", redis.url()),
        ("LIVEKIT_URL", livekit.url()),
        ("LIVEKIT_API_KEY", livekit.api_key().key.clone()),
        ("LIVEKIT_API_SECRET", livekit.api_secret().to_owned()),
        // Short, so that meetings close soon after the last participant left.
        ("TRACKSCRIBE_DEPARTURE_TIMEOUT_S", "2".to_owned()),
    ]
}

fn write(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("the test's folder is writable");
    path.to_str().expect("temporary paths are UTF-8").to_owned()
}
