//! Captured webhooks, and an adapter with the key that signed them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};
use platform::livekit::{Livekit, LivekitConfig, WebhookKey};
use platform::{Platform, Received, VerifiedEvent, WebhookError};
use uuid::Uuid;

pub const KEY: &str = "APItestfixture01";
pub const SECRET: &str = "test-only-secret-not-used-anywhere-0123456789";

/// A webhook of LiveKit brings one event.
pub trait OneEvent {
    fn event(&self, headers: &HeaderMap, body: &Bytes, now: DateTime<Utc>) -> Result<VerifiedEvent, WebhookError>;
}

impl OneEvent for Livekit {
    fn event(&self, headers: &HeaderMap, body: &Bytes, now: DateTime<Utc>) -> Result<VerifiedEvent, WebhookError> {
        match self.receive(headers, body, now)? {
            Received::Facts(mut events) if events.len() == 1 => Ok(events.remove(0)),
            other => panic!("{other:?}"),
        }
    }
}

/// One captured webhook.
pub struct Webhook {
    /// Folder and file name without extension.
    pub name: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub created_at: DateTime<Utc>,
}

/// Returns all captured webhooks, sorted by folder and number.
pub fn webhooks() -> Vec<Webhook> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/livekit");
    let mut bodies: Vec<PathBuf> = ["", "server-crash", "extra"]
        .iter()
        .flat_map(|dir| bodies(&root.join(dir)))
        .collect();
    bodies.sort();
    bodies.iter().map(|body| read(&root, body)).collect()
}

pub fn webhook(name: &str) -> Webhook {
    webhooks()
        .into_iter()
        .find(|webhook| webhook.name == name)
        .expect("no fixture has this name")
}

pub fn livekit() -> Livekit {
    livekit_at("http://127.0.0.1:1", vec![key(KEY, SECRET)])
}

pub fn livekit_at(url: &str, webhook_keys: Vec<WebhookKey>) -> Livekit {
    Livekit::new(config(url, webhook_keys))
}

pub fn config(url: &str, webhook_keys: Vec<WebhookKey>) -> LivekitConfig {
    LivekitConfig {
        url: url.to_owned(),
        public_url: "wss://meet.example.test".to_owned(),
        api_key: KEY.to_owned(),
        api_secret: SECRET.into(),
        webhook_keys,
        departure_timeout: LivekitConfig::DEFAULT_DEPARTURE_TIMEOUT,
        empty_timeout: LivekitConfig::DEFAULT_EMPTY_TIMEOUT,
        max_participants: 20,
        identities: Arc::new(Uuid::new_v4),
        key_of: Arc::new(|_| None),
    }
}

pub fn key(id: &str, secret: &str) -> WebhookKey {
    WebhookKey {
        id: id.to_owned(),
        secret: secret.into(),
    }
}

fn bodies(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("the fixtures folder is missing");
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect()
}

fn read(root: &Path, path: &Path) -> Webhook {
    let body = Bytes::from(std::fs::read(path).unwrap());
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let created_at = json["createdAt"].as_str().unwrap().parse().unwrap();
    Webhook {
        name: path
            .strip_prefix(root)
            .unwrap()
            .with_extension("")
            .to_string_lossy()
            .into_owned(),
        headers: headers(&std::fs::read_to_string(path.with_extension("headers")).unwrap()),
        body,
        created_at: DateTime::from_timestamp(created_at, 0).unwrap(),
    }
}

fn headers(text: &str) -> HeaderMap {
    let lines = text.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            )
        })
        .collect()
}
