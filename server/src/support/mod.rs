//! The whole application in process, for tests: each has its own database, a folder as object store, a settable clock,
//! ids that count up, and LiveKit's adapter without a livekit-server.

mod captured;
mod documented;
mod response;

use std::{
    num::NonZeroU32,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
};
use chrono::{DateTime, Utc};
use domain::{
    ApiKeyId,
    clock::{Clock, IdSource},
    endpoint::NetworkPolicy,
    event::PlatformKind,
};
use objects::{FolderConfig, StoreConfig};
use platform::{
    Platforms,
    livekit::{Livekit, LivekitConfig, WebhookKey},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use storage::{PgPool, api_keys::ApiKey};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use uuid::Uuid;

pub use captured::{CapturedWebhook, WEBHOOK_KEY, signed, webhook};
pub use documented::Operation;
pub use response::TestResponse;

use self::captured::WEBHOOK_SECRET;
use crate::{
    App, AppState, LimitOptions, Limits, Options,
    api::events::Feed,
    keys::{self, Scope},
    tokens::Signer,
};

/// Keys with the scopes `read`, `write` and `join`.
pub const READ: &str = "tsk_read";
pub const WRITE: &str = "tsk_write";
pub const JOIN: &str = "tsk_join";

/// The application of one test.
pub struct TestApp {
    pub router: Router,
    pub state: AppState,
    pub pool: PgPool,
    /// Deleted with the test.
    _store: tempfile::TempDir,
    now: Arc<Mutex<DateTime<Utc>>>,
}

impl TestApp {
    /// Builds the application and adds the keys [`READ`], [`WRITE`] and [`JOIN`].
    pub async fn new(pool: PgPool) -> Self {
        let app = Self::build(pool, |_| {});
        app.add_key(READ, Scope::Read).await;
        app.add_key(WRITE, Scope::Write).await;
        app.add_key(JOIN, Scope::Join).await;
        app
    }

    /// Builds the application with a changed state. Writes nothing to the database, which need not exist.
    pub fn build(pool: PgPool, change: impl FnOnce(&mut AppState)) -> Self {
        let store = tempfile::tempdir().unwrap();
        let now = Arc::new(Mutex::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
        let mut state = state(pool.clone(), store.path(), now.clone());
        change(&mut state);
        let App { router, state } = App::new(state);
        Self {
            router,
            state,
            pool,
            _store: store,
            now,
        }
    }

    pub async fn add_key(&self, text: &str, scope: Scope) {
        let key = ApiKey {
            id: ApiKeyId(Uuid::now_v7()),
            name: text.to_owned(),
            prefix: text.to_owned(),
            scopes: vec![scope.to_string()],
            created_at: self.now(),
            last_used_at: None,
            revoked_at: None,
        };
        let digest = keys::digest(&SecretString::from(text));
        storage::api_keys::insert(&mut self.pool.acquire().await.unwrap(), &key, &digest)
            .await
            .unwrap();
    }

    pub fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    pub fn set_now(&self, now: DateTime<Utc>) {
        *self.now.lock().unwrap() = now;
    }

    /// Sends a request. Panics if the OpenAPI document does not describe the response.
    pub async fn send(&self, request: Request<Body>) -> TestResponse {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let response = TestResponse {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        documented::check(&self.state, &method, &path, &response);
        response
    }

    /// Sends a request and returns the status only: the body may be endless.
    pub async fn status(&self, request: Request<Body>) -> StatusCode {
        self.router.clone().oneshot(request).await.unwrap().status()
    }

    /// Returns all operations of the OpenAPI document.
    pub fn operations(&self) -> &'static [Operation] {
        documented::operations(&self.state)
    }

    pub async fn get(&self, path: &str) -> TestResponse {
        self.request(Method::GET, path, &[]).await
    }

    pub async fn request(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> TestResponse {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {READ}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn send_json(&self, method: Method, path: &str, body: &Value) -> TestResponse {
        self.send_json_as(WRITE, method, path, body).await
    }

    /// Asks for a token to join a room.
    pub async fn join(&self, room: &str, body: &Value) -> TestResponse {
        self.send_json_as(JOIN, Method::POST, &format!("/v1/rooms/{room}/join"), body)
            .await
    }

    pub async fn send_json_as(&self, key: &str, method: Method, path: &str, body: &Value) -> TestResponse {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn create_room(&self, name: &str) {
        let answer = self.send_json(Method::POST, "/v1/rooms", &json!({"name": name})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }

    /// Sets the clock to the time of a captured webhook and sends it.
    pub async fn replay(&self, name: &str) -> TestResponse {
        let captured = CapturedWebhook::read(name);
        self.set_now(captured.sent_at());
        self.send(captured.request()).await
    }

    /// Replays the first webhooks of the captured call. Its egress answers our request, although it writes elsewhere.
    pub async fn replay_call(&self, webhooks: usize) {
        for name in &CapturedWebhook::of_a_call()[..webhooks] {
            assert_eq!(self.replay(name).await.status, StatusCode::OK, "{name}");
            sqlx::query("UPDATE captures SET platform_id = $1")
                .bind(CapturedWebhook::EGRESS_ID)
                .execute(&self.pool)
                .await
                .unwrap();
        }
    }

    /// Sends a body with a valid signature.
    pub async fn webhook(&self, body: &Value) -> TestResponse {
        self.send(signed(body.to_string(), self.now())).await
    }
}

fn state(pool: PgPool, store: &Path, now: Arc<Mutex<DateTime<Utc>>>) -> AppState {
    let ids = counting_ids();
    let clock: Clock = Arc::new(move || *now.lock().unwrap());
    let no_limit = NonZeroU32::new(1_000_000).unwrap();
    let store = StoreConfig::Folder(FolderConfig { root: store.to_owned() });
    AppState {
        pool,
        platforms: Platforms::new(vec![Arc::new(Livekit::new(livekit(ids.clone())))]),
        objects: objects::open(&store).unwrap(),
        clock,
        ids,
        limits: Limits::new(&LimitOptions {
            per_key: no_limit,
            per_address: no_limit,
            trusted_proxies: Vec::new(),
        }),
        feed: Feed::default(),
        signer: Signer::default(),
        options: Arc::new(Options {
            default_platform: PlatformKind::Livekit,
            adopt_rooms: false,
            webhook_networks: NetworkPolicy::default(),
        }),
        readiness: Arc::default(),
        tasks: TaskTracker::new(),
        signalling: None,
    }
}

/// A configuration whose server does not exist.
fn livekit(identities: IdSource) -> LivekitConfig {
    LivekitConfig {
        url: "http://127.0.0.1:9".to_owned(),
        public_url: "wss://livekit.test".to_owned(),
        api_key: WEBHOOK_KEY.to_owned(),
        api_secret: WEBHOOK_SECRET.into(),
        webhook_keys: vec![WebhookKey {
            id: WEBHOOK_KEY.to_owned(),
            secret: WEBHOOK_SECRET.into(),
        }],
        departure_timeout: LivekitConfig::DEFAULT_DEPARTURE_TIMEOUT,
        empty_timeout: LivekitConfig::DEFAULT_EMPTY_TIMEOUT,
        max_participants: 0,
        identities,
        key_of: Arc::new(|_| None),
    }
}

/// Returns ids that count up from 1.
fn counting_ids() -> IdSource {
    let next = AtomicU64::new(1);
    Arc::new(move || Uuid::from_u64_pair(0x7000, 0x8000_0000_0000_0000 + next.fetch_add(1, Ordering::Relaxed)))
}
