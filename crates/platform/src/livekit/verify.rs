//! Verifies that a webhook comes from LiveKit: `Authorization` holds a token signed with a shared key, and the token
//! contains the SHA-256 of the raw body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::jwt::{MalformedToken, Unverified};
use crate::WebhookError;

/// Tolerated clock skew between two hosts.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// Longest accepted token in bytes. LiveKit's have about 300.
const MAX_TOKEN_LEN: usize = 4096;

/// A key whose webhooks are accepted.
#[derive(Clone, Debug)]
pub struct WebhookKey {
    pub id: String,
    pub secret: SecretString,
}

/// The claims that are checked. LiveKit also sends `iat`, and no grants.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    nbf: Option<i64>,
    exp: i64,
    sha256: String,
}

/// Longest body. LiveKit's are shorter than 64 KiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Checks key, signature, time and body, in this order.
pub fn verify(headers: &HeaderMap, body: &[u8], keys: &[WebhookKey], now: DateTime<Utc>) -> Result<(), WebhookError> {
    check_body(&verify_token(headers, keys, now)?, body)
}

/// Checks key, signature and time, in this order, and returns the digest that the body must have, in base64.
pub fn verify_token(headers: &HeaderMap, keys: &[WebhookKey], now: DateTime<Utc>) -> Result<String, WebhookError> {
    let token = Unverified::parse(token_of(headers)?)?;
    let claims: Claims = token.claims()?;
    let mut keys = keys.iter().filter(|key| key.id == claims.iss).peekable();
    if keys.peek().is_none() {
        return Err(WebhookError::UnknownKey);
    }
    if !keys.any(|key| token.is_signed_by(&key.secret)) {
        return Err(WebhookError::WrongSignature);
    }
    check_time(&claims, now)?;
    Ok(claims.sha256)
}

/// Returns the token in the header. LiveKit sends it bare, other senders after `Bearer`.
fn token_of(headers: &HeaderMap) -> Result<&str, WebhookError> {
    let header = headers.get(AUTHORIZATION).ok_or(WebhookError::MissingSignature)?;
    let text = header.to_str().map_err(|_| WebhookError::MalformedSignature)?.trim();
    let token = match text.split_at_checked("Bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer ") => token.trim_start(),
        _ => text,
    };
    match token.len() {
        0 => Err(WebhookError::MissingSignature),
        1..=MAX_TOKEN_LEN => Ok(token),
        _ => Err(WebhookError::MalformedSignature),
    }
}

fn check_time(claims: &Claims, now: DateTime<Utc>) -> Result<(), WebhookError> {
    let (now, leeway) = (now.timestamp(), LEEWAY.num_seconds());
    if claims.nbf.is_some_and(|nbf| nbf > now.saturating_add(leeway)) {
        return Err(WebhookError::NotYetValid);
    }
    if claims.exp <= now.saturating_sub(leeway) {
        return Err(WebhookError::Expired);
    }
    Ok(())
}

/// Compares the digests in constant time.
fn check_body(claimed: &str, body: &[u8]) -> Result<(), WebhookError> {
    let claimed = STANDARD.decode(claimed).map_err(|_| WebhookError::MalformedSignature)?;
    let is_same: bool = claimed.ct_eq(Sha256::digest(body).as_slice()).into();
    if is_same {
        Ok(())
    } else {
        Err(WebhookError::DigestMismatch)
    }
}

impl From<MalformedToken> for WebhookError {
    fn from(_: MalformedToken) -> Self {
        Self::MalformedSignature
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::super::jwt;
    use super::*;

    const BODY: &[u8] = b"{}";

    #[test]
    fn a_token_signed_with_our_key_is_accepted() {
        assert!(check(&signed(claims())).is_ok());
    }

    #[test]
    fn another_algorithm_is_rejected_even_with_a_valid_signature() {
        let token = signed(claims());
        let (_, claims_and_signature) = token.split_once('.').unwrap();
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":"hs256"}"#,
            "{}",
        ] {
            let other = format!("{}.{claims_and_signature}", URL_SAFE_NO_PAD.encode(header));
            assert!(
                matches!(check(&other), Err(WebhookError::MalformedSignature)),
                "{header}"
            );
        }
        let unsigned = token.rsplit_once('.').unwrap().0;
        assert!(matches!(
            check(&format!("{unsigned}.")),
            Err(WebhookError::WrongSignature)
        ));
    }

    #[test]
    fn a_token_without_a_required_claim_is_rejected() {
        for missing in ["iss", "exp", "sha256"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(missing);
            assert!(
                matches!(check(&signed(claims)), Err(WebhookError::MalformedSignature)),
                "{missing}"
            );
        }
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        for (name, value) in [
            ("exp", i64::MAX),
            ("exp", i64::MIN),
            ("nbf", i64::MAX),
            ("nbf", i64::MIN),
        ] {
            let mut claims = claims();
            claims[name] = json!(value);
            let is_valid = (name == "exp") == (value == i64::MAX);
            assert_eq!(check(&signed(claims)).is_ok(), is_valid, "{name} {value}");
        }
    }

    #[test]
    fn an_invalid_digest_is_rejected() {
        for digest in ["", "AAAA", "not base64", &STANDARD.encode([0; 33])] {
            let mut claims = claims();
            claims["sha256"] = json!(digest);
            assert!(check(&signed(claims)).is_err(), "{digest}");
        }
    }

    fn claims() -> Value {
        json!({"iss": "key", "exp": 1300, "nbf": 1000, "iat": 1000, "sha256": STANDARD.encode(Sha256::digest(BODY))})
    }

    fn signed(claims: Value) -> String {
        jwt::sign(&claims, &"secret".into())
    }

    fn check(token: &str) -> Result<(), WebhookError> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, token.parse().unwrap())]);
        let keys = [WebhookKey {
            id: "key".to_owned(),
            secret: "secret".into(),
        }];
        verify(&headers, BODY, &keys, DateTime::from_timestamp(1000, 0).unwrap())
    }
}
