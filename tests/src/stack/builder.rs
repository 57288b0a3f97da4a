//! The whole of Trackscribe with everything that it needs, for one test.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use super::{
    Database, LivekitServer, OpenJob, PORT_TRIES, Port, RedisServer, Role, Store, WebhookRelay,
    role::{RoleSettings, run_to_end},
};
use crate::{api::Api, wait_until};

/// How long the jobs that a test caused may take to end.
const SETTLE: Duration = Duration::from_secs(60);

/// What a test may want to be different.
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

/// Running servers and roles. When it is dropped everything ends, and the test fails if a job was left undone.
#[derive(Debug)]
pub struct Stack {
    egress: Option<Role>,
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
    /// How many workers; one unless told.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Keeps objects in a folder, not in a bucket.
    pub fn folder_store(mut self) -> Self {
        self.store = StoreKind::Folder;
        self
    }

    /// A setting of server and workers.
    pub fn setting(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((variable, value.into()));
        self
    }

    /// Starts everything and makes a key for the API.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start(self) -> Stack {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (database, redis, webhooks) = (
            Database::create().await,
            RedisServer::start().await,
            WebhookRelay::start().await,
        );
        let livekit = LivekitServer::builder().webhook(webhooks.url()).start(&redis).await;
        let store = match self.store {
            StoreKind::Folder => Store::folder(),
            StoreKind::Bucket => Store::bucket().await,
        };
        let mut environment = environment(&database, &redis, &livekit);
        environment.extend(store.environment());
        environment.extend(self.environment);
        let mut stack = Stack {
            egress: None,
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
    /// One server, one worker, one egress, a bucket.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn builder() -> StackBuilder {
        StackBuilder::default()
    }

    /// The API, with a key that may do everything.
    ///
    /// # Panics
    /// While the server is stopped.
    pub fn api(&self) -> Api {
        let server = self.server.as_ref().expect("the server was not stopped");
        Api::new(server.url(), self.key.clone())
    }

    /// # Panics
    /// When it does not start.
    pub async fn start_server(&mut self) {
        let server = self.start_role("server", "server", &[]).await;
        self.webhooks.pass_on_to(format!("{}/v1/livekit/webhook", server.url()));
        self.server = Some(server);
    }

    /// Ends the server in order; webhooks that come now are refused.
    pub fn stop_server(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// Starts one more worker.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn add_worker(&mut self) {
        let name = format!("worker-{}", self.workers.len() + 1);
        let worker = self.start_role("worker", &name, &[]).await;
        self.workers.push(worker);
    }

    /// Ends the oldest worker as a crash would.
    ///
    /// # Panics
    /// When there is none.
    pub fn kill_oldest_worker(&mut self) {
        self.workers.remove(0).kill();
    }

    /// # Panics
    /// When it does not start.
    pub async fn start_egress(&mut self) {
        self.egress = Some(self.start_role("egress", "egress", &[]).await);
    }

    /// Waits until every job that was caused is done, and ends everything.
    ///
    /// # Panics
    /// When a job is dead, or still waits after a minute.
    pub async fn finish(self) {
        wait_until("all jobs are done", SETTLE, async || {
            self.database.open_jobs().await.is_empty().then_some(())
        })
        .await;
    }

    async fn start_role(&self, role: &'static str, name: &str, more: &[(&'static str, String)]) -> Role {
        for _ in 0..PORT_TRIES {
            let settings = |port: &Port| RoleSettings {
                role,
                name: name.to_owned(),
                environment: self.role_environment(role, name, port, more),
            };
            if let Ok(started) = Role::start(self.folder.path(), settings).await {
                return started;
            }
        }
        panic!("{name} does not start");
    }

    fn role_environment(
        &self,
        role: &str,
        name: &str,
        port: &Port,
        more: &[(&'static str, String)],
    ) -> Vec<(&'static str, String)> {
        let mut environment = match role {
            "egress" => vec![("EGRESS_CONFIG_FILE", self.write_egress_yaml(name, port))],
            "server" => [
                self.environment.clone(),
                vec![("TRACKSCRIBE_BIND", format!("127.0.0.1:{}", port.number()))],
            ]
            .concat(),
            _ => [
                self.environment.clone(),
                vec![("TRACKSCRIBE_WORKER_BIND", format!("127.0.0.1:{}", port.number()))],
            ]
            .concat(),
        };
        environment.push(("TRACKSCRIBE_LOG", "info".to_owned()));
        environment.push(("TRACKSCRIBE_LOG_FORMAT", "human".to_owned()));
        environment.extend_from_slice(more);
        environment
    }

    fn write_egress_yaml(&self, name: &str, port: &Port) -> String {
        let spool = self.folder.path().join(format!("{name}-spool"));
        let text = format!(
            "api_key: {}\napi_secret: {}\nws_url: {}\nredis:\n  address: {}\n  password: {}\n{}health_port: {}\n\
             prometheus_port: 0\ntrackscribe:\n  instance: {name}\n  spool: {}\n",
            self.livekit.api_key(),
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

    /// By the command that an operator uses.
    fn create_key(&self) -> String {
        let printed = run_to_end(
            &["key", "create", "--name", "e2e", "--scope", "admin"],
            &self.environment,
        );
        let key = printed.split_whitespace().find(|word| word.starts_with("tsk_"));
        key.unwrap_or_else(|| panic!("no key is printed: {printed}")).to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let left = super::database::block_on(self.database.open_jobs());
        for role in [self.egress.take()]
            .into_iter()
            .flatten()
            .chain(self.workers.drain(..))
            .chain(self.server.take())
        {
            role.stop();
        }
        if !std::thread::panicking() {
            assert!(left.is_empty(), "jobs are left: {}", list(&left));
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
        ("LIVEKIT_API_KEY", livekit.api_key().to_owned()),
        ("LIVEKIT_API_SECRET", livekit.api_secret().to_owned()),
        // A meeting closes soon after its last participant has left.
        ("TRACKSCRIBE_DEPARTURE_TIMEOUT_S", "2".to_owned()),
    ]
}

fn write(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("the test's folder can be written");
    path.to_str().expect("temporary paths are plain").to_owned()
}
