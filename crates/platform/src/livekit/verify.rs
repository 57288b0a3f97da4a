//! Whether a webhook is LiveKit's: a token in `Authorization`, signed with a key that we share, which names the
//! SHA-256 of the raw body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::jwt::{Damaged, Unverified};
use crate::WebhookError;

/// How far the clocks of two hosts may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// Longest token that is looked at, in bytes; LiveKit's have about 300.
const MAX_TOKEN_LEN: usize = 4096;

/// A key pair whose webhooks are believed.
#[derive(Clone, Debug)]
pub struct WebhookKey {
    pub id: String,
    pub secret: SecretString,
}

/// The claims that count. LiveKit sends `iat` besides, and no grants.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    nbf: Option<i64>,
    exp: i64,
    sha256: String,
}

/// Checks key, signature, time and body, in this order.
pub fn verify(headers: &HeaderMap, body: &[u8], keys: &[WebhookKey], now: DateTime<Utc>) -> Result<(), WebhookError> {
    let token = Unverified::parse(bare_token(headers)?)?;
    let claims: Claims = token.claims()?;
    let mut keys = keys.iter().filter(|key| key.id == claims.iss).peekable();
    if keys.peek().is_none() {
        return Err(WebhookError::UnknownKey);
    }
    if !keys.any(|key| token.is_signed_by(&key.secret)) {
        return Err(WebhookError::WrongSignature);
    }
    check_time(&claims, now)?;
    check_body(&claims.sha256, body)
}

/// The header's token; LiveKit sends it bare, others put `Bearer` before it.
fn bare_token(headers: &HeaderMap) -> Result<&str, WebhookError> {
    let header = headers.get(AUTHORIZATION).ok_or(WebhookError::NotSigned)?;
    let text = header.to_str().map_err(|_| WebhookError::DamagedSignature)?.trim();
    let token = match text.split_at_checked("Bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer ") => token.trim_start(),
        _ => text,
    };
    match token.len() {
        0 => Err(WebhookError::NotSigned),
        1..=MAX_TOKEN_LEN => Ok(token),
        _ => Err(WebhookError::DamagedSignature),
    }
}

fn check_time(claims: &Claims, now: DateTime<Utc>) -> Result<(), WebhookError> {
    let (now, leeway) = (now.timestamp(), LEEWAY.num_seconds());
    if claims.nbf.is_some_and(|nbf| nbf > now.saturating_add(leeway)) {
        return Err(WebhookError::TooEarly);
    }
    if claims.exp <= now.saturating_sub(leeway) {
        return Err(WebhookError::Expired);
    }
    Ok(())
}

/// Compares in constant time, so that nobody can feel a digest's way to a match.
fn check_body(claimed: &str, body: &[u8]) -> Result<(), WebhookError> {
    let claimed = STANDARD.decode(claimed).map_err(|_| WebhookError::DamagedSignature)?;
    let is_same: bool = claimed.ct_eq(Sha256::digest(body).as_slice()).into();
    if is_same {
        Ok(())
    } else {
        Err(WebhookError::BodyChanged)
    }
}

impl From<Damaged> for WebhookError {
    fn from(_: Damaged) -> Self {
        Self::DamagedSignature
    }
}
