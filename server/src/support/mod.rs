//! The whole application in process, for tests: its own database, a store in a folder, clock and ids seeded, and
//! LiveKit's adapter without a LiveKit.

use std::{
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    ApiKeyId,
    clock::{Clock, IdSource},
    event::PlatformKind,
};
use hmac::{Hmac, Mac};
use objects::{FolderConfig, StoreConfig};
use platform::{
    Platforms,
    livekit::{Livekit, LivekitConfig, WebhookKey},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use storage::{PgPool, api_keys::ApiKey};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{
    App, AppState, LimitOptions, Limits, Options,
    keys::{self, Scope},
};

/// Of the captured webhooks; made up for the capture.
pub const WEBHOOK_KEY: &str = "APItestfixture01";
pub const WEBHOOK_SECRET: &str = "test-only-secret-not-used-anywhere-0123456789";

pub const READ: &str = "tsk_read";
pub const WRITE: &str = "tsk_write";

pub struct TestApp {
    pub router: Router,
    pub state: AppState,
    pub pool: PgPool,
    /// Ends with the test.
    _store: tempfile::TempDir,
    now: Arc<Mutex<DateTime<Utc>>>,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl TestApp {
    /// With a key of each scope and the room of the captured webhooks.
    pub async fn new(pool: PgPool) -> Self {
        let app = Self::build(pool, |_| {});
        app.add_key(READ, Scope::Read).await;
        app.add_key(WRITE, Scope::Write).await;
        app
    }

    /// Without anything in the database, which need not be there.
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

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {READ}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn write(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {WRITE}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn make_room(&self, name: &str) {
        let answer = self.write(Method::POST, "/v1/rooms", &json!({"name": name})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }

    /// Sends a captured webhook at the time at which it was captured.
    pub async fn replay(&self, name: &str) -> Answer {
        let captured = Captured::read(name);
        self.set_now(captured.sent_at());
        self.send(captured.request()).await
    }

    /// Sends a body of our own, well signed.
    pub async fn webhook(&self, body: &Value) -> Answer {
        self.send(signed(body.to_string(), self.now())).await
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and whole body, for snapshots.
    pub fn shown(&self) -> String {
        format!(
            "{}\n{}",
            self.status,
            serde_json::to_string_pretty(&self.json()).unwrap()
        )
    }

    /// The word after the prefix of a problem's `type`.
    pub fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        let kind = self.json()["type"].as_str().unwrap().to_owned();
        kind.strip_prefix("urn:trackscribe:problem:").unwrap().to_owned()
    }
}

/// A webhook as LiveKit sent it.
pub struct Captured {
    pub body: Vec<u8>,
    pub token: String,
}

impl Captured {
    pub fn read(name: &str) -> Self {
        let base = fixtures().join(name);
        let headers = fs::read_to_string(base.with_extension("headers")).unwrap();
        let token = headers
            .lines()
            .find_map(|line| line.strip_prefix("Authorization: "))
            .unwrap();
        Self {
            body: fs::read(base.with_extension("json")).unwrap(),
            token: token.to_owned(),
        }
    }

    /// The names of one call's webhooks, in order.
    pub fn of_a_call() -> Vec<String> {
        names(&fixtures())
    }

    /// The names of those of a call in whose middle LiveKit was killed and started again.
    pub fn of_a_crash() -> Vec<String> {
        names(&fixtures().join("server-crash"))
            .into_iter()
            .map(|name| format!("server-crash/{name}"))
            .collect()
    }

    pub fn sent_at(&self) -> DateTime<Utc> {
        let claims = BASE64_URL_SAFE_NO_PAD
            .decode(self.token.split('.').nth(1).unwrap())
            .unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        DateTime::from_timestamp(claims["nbf"].as_i64().unwrap(), 0).unwrap()
    }

    pub fn request(&self) -> Request<Body> {
        webhook(self.body.clone(), &self.token)
    }
}

pub fn webhook(body: impl Into<Body>, token: &str) -> Request<Body> {
    Request::post("/v1/livekit/webhook")
        .header(header::CONTENT_TYPE, "application/webhook+json")
        .header(header::AUTHORIZATION, token)
        .body(body.into())
        .unwrap()
}

/// A request that LiveKit could have sent.
pub fn signed(body: String, at: DateTime<Utc>) -> Request<Body> {
    let claims = json!({
        "iss": WEBHOOK_KEY,
        "nbf": at.timestamp(),
        "exp": (at + TimeDelta::seconds(300)).timestamp(),
        "sha256": BASE64_STANDARD.encode(Sha256::digest(&body)),
    });
    let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(&json!({"alg": "HS256", "typ": "JWT"})), encode(&claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let token = format!(
        "{signed}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    );
    webhook(body, &token)
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/platform/tests/fixtures/livekit")
}

fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    let mut names: Vec<_> = json
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
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
        options: Arc::new(Options {
            default_platform: PlatformKind::Livekit,
            adopt_rooms: false,
        }),
    }
}

/// Nothing listens at its address.
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
    }
}

/// Ids in the order of their making.
fn counting_ids() -> IdSource {
    let next = AtomicU64::new(1);
    Arc::new(move || Uuid::from_u64_pair(0x7000, 0x8000_0000_0000_0000 + next.fetch_add(1, Ordering::Relaxed)))
}
