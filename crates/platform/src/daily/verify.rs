//! Verifies that a webhook comes from Daily: `X-Webhook-Signature` is an HMAC of the header `X-Webhook-Timestamp`, a dot and
//! the raw body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::Sha256;
use thiserror::Error;

use crate::WebhookError;
use crate::lenient::text_time;

const SIGNATURE: &str = "x-webhook-signature";
const TIMESTAMP: &str = "x-webhook-timestamp";

/// How far the timestamp may be from our clock in both directions. A repeated event within it is recognized by its id.
const TOLERANCE: TimeDelta = TimeDelta::minutes(10);

/// Longest body. A recording of a hundred tracks has 30 KB.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Longest body that can be a ping. Daily sends 15 bytes.
const MAX_PING_LEN: usize = 64;

/// A secret that signs webhooks.
#[derive(Clone)]
pub struct WebhookSecret(Hmac<Sha256>);

/// The error of [`WebhookSecret::parse`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a webhook secret of Daily must be base64 of at least {} bytes",
    WebhookSecret::MIN_LEN
)]
pub struct BadSecret;

/// A webhook that may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentic {
    /// `{"test":"test"}`: Daily checks our address, sometimes before it has told anyone the secret. It says nothing.
    Ping,
    /// A signed event.
    Event,
}

impl WebhookSecret {
    /// Shortest secret, in bytes. Ours have 32.
    pub const MIN_LEN: usize = 16;

    /// Decodes a secret from base64.
    ///
    /// # Errors
    /// The text is not base64, or too short.
    pub fn parse(text: &SecretString) -> Result<Self, BadSecret> {
        let key = STANDARD.decode(text.expose_secret().trim()).map_err(|_| BadSecret)?;
        if key.len() < Self::MIN_LEN {
            return Err(BadSecret);
        }
        Hmac::new_from_slice(&key).map(Self).map_err(|_| BadSecret)
    }

    /// Compares in constant time.
    fn signed(&self, timestamp: &[u8], body: &[u8], signature: &[u8]) -> bool {
        let mac = self.0.clone().chain_update(timestamp).chain_update(b".");
        mac.chain_update(body).verify_slice(signature).is_ok()
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret")
    }
}

/// Checks what the headers alone can show, and returns how long the body may be. Without a signature it can only be a ping.
pub fn check_headers(headers: &HeaderMap, now: DateTime<Utc>) -> Result<usize, WebhookError> {
    let Some(signature) = headers.get(SIGNATURE) else {
        return Ok(MAX_PING_LEN);
    };
    decode(signature)?;
    let timestamp = headers.get(TIMESTAMP).ok_or(WebhookError::MissingSignature)?;
    check_time(timestamp, now)?;
    Ok(MAX_BODY_BYTES)
}

/// Checks signature and time, in this order.
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[WebhookSecret],
    now: DateTime<Utc>,
) -> Result<Authentic, WebhookError> {
    if is_ping(body) {
        return Ok(Authentic::Ping);
    }
    let signature = headers.get(SIGNATURE).ok_or(WebhookError::MissingSignature)?;
    let timestamp = headers.get(TIMESTAMP).ok_or(WebhookError::MissingSignature)?;
    let signature = STANDARD
        .decode(signature)
        .map_err(|_| WebhookError::MalformedSignature)?;
    let is_signed = |secret: &WebhookSecret| secret.signed(timestamp.as_bytes(), body, &signature);
    if !secrets.iter().any(is_signed) {
        return Err(WebhookError::WrongSignature);
    }
    check_time(timestamp, now)?;
    Ok(Authentic::Event)
}

fn decode(signature: &HeaderValue) -> Result<Vec<u8>, WebhookError> {
    STANDARD.decode(signature).map_err(|_| WebhookError::MalformedSignature)
}

fn is_ping(body: &[u8]) -> bool {
    let parsed = (body.len() <= MAX_PING_LEN).then(|| serde_json::from_slice::<Value>(body).ok());
    parsed.flatten() == Some(serde_json::json!({"test": "test"}))
}

/// Daily does not document the unit of the timestamp. One that cannot be read is accepted: it is signed, and a wrong
/// rejection counts towards the three after which Daily sends nothing more.
fn check_time(timestamp: &HeaderValue, now: DateTime<Utc>) -> Result<(), WebhookError> {
    match text_time(timestamp.to_str().unwrap_or_default().trim()) {
        Some(time) if time > now + TOLERANCE => Err(WebhookError::NotYetValid),
        Some(time) if time < now - TOLERANCE => Err(WebhookError::Expired),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
