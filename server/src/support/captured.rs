//! Webhooks that a real livekit-server sent, and signatures of our own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use axum::{
    body::Body,
    http::{Request, header},
};
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The key that signed the captured webhooks, used only for the capture.
pub const WEBHOOK_KEY: &str = "APItestfixture01";
pub const WEBHOOK_SECRET: &str = "test-only-secret-not-used-anywhere-0123456789";

/// A webhook as LiveKit sent it: raw body and signature token.
pub struct CapturedWebhook {
    pub body: Vec<u8>,
    pub token: String,
}

impl CapturedWebhook {
    /// The egress of the captured call.
    pub const EGRESS_ID: &str = "EG_mdeZn6iC2ZDL";

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

    /// Returns the names of one call's webhooks, in the order in which they were sent.
    pub fn of_a_call() -> Vec<String> {
        names(&fixtures())
    }

    /// Returns the names of the webhooks of a call during which LiveKit was killed and restarted.
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

/// Returns a request with a valid signature over `body`.
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
