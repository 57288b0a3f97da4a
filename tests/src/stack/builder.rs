//! Settings of a stack, and its start.

use test_support::{Database, LivekitServer, RedisServer, Store, WebhookRelay};

use super::running::Stack;

/// Settings of a [`Stack`].
#[derive(Debug)]
pub struct StackBuilder {
    workers: usize,
    store: Option<Store>,
    environment: Vec<(&'static str, String)>,
    everywhere: Vec<(&'static str, String)>,
}

impl Default for StackBuilder {
    fn default() -> Self {
        Self {
            workers: 1,
            store: None,
            environment: Vec::new(),
            everywhere: Vec::new(),
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
    pub fn folder_store(self) -> Self {
        self.store(Store::folder())
    }

    /// Stores objects here instead of in a bucket on the shared server.
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets an environment variable of all roles, also of the egress.
    pub fn everywhere(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.everywhere.push((variable, value.into()));
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
            Some(store) => store,
            None => Store::bucket().await,
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
            everywhere: self.everywhere,
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
