//! Starts and stops the roles of a stack.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;
use test_support::{
    Database, LivekitServer, OpenJob, PORT_ATTEMPTS, Port, RedisServer, Store, WebhookRelay, wait_until,
};

use super::role::{Role, RoleSettings, run_to_end};
use crate::api::Api;

/// How long the jobs of a test may take to finish.
const JOBS_TIMEOUT: Duration = Duration::from_secs(60);

/// Running servers and roles. Dropping it stops everything. A test ends with [`finish`](Self::finish); one that does not
/// fails if a job is not done by then.
#[derive(Debug)]
pub struct Stack {
    pub(super) egress: Option<Role>,
    pub(super) more_egresses: Vec<Role>,
    pub(super) workers: Vec<Role>,
    pub(super) server: Option<Role>,
    pub livekit: LivekitServer,
    pub webhooks: WebhookRelay,
    pub redis: RedisServer,
    pub store: Store,
    pub database: Database,
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) everywhere: Vec<(&'static str, String)>,
    pub(super) key: String,
    pub(super) folder: TempDir,
    pub(super) is_finished: bool,
}

impl Stack {
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

    /// What the server has logged.
    ///
    /// # Panics
    /// While it is stopped.
    pub fn servers_log(&self) -> String {
        self.server.as_ref().expect("the server is running").log()
    }

    /// Starts another worker.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn add_worker(&mut self) {
        self.add_worker_with(&[]).await;
    }

    /// Starts another worker, with these settings in addition.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn add_worker_with(&mut self, settings: &[(&'static str, &str)]) {
        let name = format!("worker-{}", self.workers.len() + 1);
        let before = self.environment.len();
        let settings = settings
            .iter()
            .map(|(variable, value)| (*variable, (*value).to_owned()));
        self.environment.extend(settings);
        let worker = self.start_role("worker", &name).await;
        self.environment.truncate(before);
        self.workers.push(worker);
    }

    /// The process id of the oldest worker.
    ///
    /// # Panics
    /// When no worker is running.
    pub fn oldest_worker(&self) -> u32 {
        self.workers[0].id()
    }

    /// What the oldest worker has logged.
    ///
    /// # Panics
    /// When no worker is running.
    pub fn oldest_workers_log(&self) -> String {
        self.workers[0].log()
    }

    /// Writes the egress's configuration again, with the present key of the store.
    ///
    /// # Panics
    /// While the egress is stopped.
    pub fn write_egress_config(&self) {
        let egress = self.egress.as_ref().expect("the egress is running");
        self.write_egress_yaml("egress", egress.port().number());
    }

    /// What the egress has logged.
    ///
    /// # Panics
    /// While the egress is stopped.
    pub fn egress_log(&self) -> String {
        self.egress.as_ref().expect("the egress is running").log()
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
            "egress" => vec![("EGRESS_CONFIG_FILE", self.write_egress_yaml(name, port.number()))],
            "server" => [self.environment.clone(), vec![("TRACKSCRIBE_BIND", bind)]].concat(),
            _ => [self.environment.clone(), vec![("TRACKSCRIBE_WORKER_BIND", bind)]].concat(),
        };
        environment.extend(self.everywhere.clone());
        environment.push(("TRACKSCRIBE_LOG", "info".to_owned()));
        environment.push(("TRACKSCRIBE_LOG_FORMAT", "human".to_owned()));
        environment
    }

    fn write_egress_yaml(&self, name: &str, port: u16) -> String {
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
            port,
            spool.display(),
        );
        write(&self.folder.path().join(format!("{name}.yaml")), &text)
    }

    /// Creates an API key with the command that operators use.
    pub(super) fn create_key(&self) -> String {
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

fn write(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("the test's folder is writable");
    path.to_str().expect("temporary paths are UTF-8").to_owned()
}
