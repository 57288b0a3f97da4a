//! Verifies that a webhook comes from Whereby: the header `Whereby-Signature: t=…,v1=…` holds an HMAC of the time, a dot and
//! the raw body.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::WebhookError;

const SIGNATURE: &str = "whereby-signature";

/// How far the time may be from our clock in both directions: Whereby tries three times within it.
const TOLERANCE: TimeDelta = TimeDelta::seconds(300);

/// Longest body. Whereby's events have about 1 KB.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Most signatures in a header that are compared. Whereby sends one, and two while a secret is rotated.
const MAX_SIGNATURES: usize = 8;

/// The parts of the header.
struct Signature<'a> {
    /// Unix seconds, as they were signed.
    time: &'a str,
    /// In hexadecimal digits.
    signatures: Vec<&'a str>,
}

/// Checks what the headers alone can show, and returns how long the body may be.
///
/// # Errors
/// The header is missing or malformed, or its time is not now.
pub fn check_headers(headers: &HeaderMap, now: DateTime<Utc>) -> Result<usize, WebhookError> {
    check_time(Signature::of(headers)?.time, now)?;
    Ok(MAX_BODY_BYTES)
}

/// Checks signature and time, in this order. A secret is the text that Whereby's dashboard shows.
///
/// # Errors
/// As the variants of [`WebhookError`] say.
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[SecretString],
    now: DateTime<Utc>,
) -> Result<(), WebhookError> {
    let sent = Signature::of(headers)?;
    let is_signed = |signature: &[u8]| secrets.iter().any(|secret| is_mac(secret, sent.time, body, signature));
    let decoded = sent.signatures.iter().filter_map(|text| hex::decode(text).ok());
    if !decoded.into_iter().any(|signature| is_signed(&signature)) {
        return Err(WebhookError::WrongSignature);
    }
    check_time(sent.time, now)
}

impl<'a> Signature<'a> {
    fn of(headers: &'a HeaderMap) -> Result<Self, WebhookError> {
        let header = headers.get(SIGNATURE).ok_or(WebhookError::MissingSignature)?;
        let header = header.to_str().map_err(|_| WebhookError::MalformedSignature)?;
        Self::parse(header).ok_or(WebhookError::MalformedSignature)
    }

    /// Parses `key=value` pairs in any order; unknown keys are ignored. Returns `None` without a time or a signature.
    fn parse(header: &'a str) -> Option<Self> {
        let (mut time, mut signatures) = (None, Vec::new());
        for (key, value) in header.split(',').filter_map(|pair| pair.split_once('=')) {
            match key.trim() {
                "t" => time = time.or(Some(value.trim())),
                "v1" if signatures.len() < MAX_SIGNATURES => signatures.push(value.trim()),
                _ => {}
            }
        }
        let time = time.filter(|_| !signatures.is_empty())?;
        Some(Self { time, signatures })
    }
}

/// Compares in constant time. An empty secret signs nothing.
fn is_mac(secret: &SecretString, time: &str, body: &[u8], signature: &[u8]) -> bool {
    let secret = secret.expose_secret().as_bytes();
    if secret.is_empty() {
        return false;
    }
    let mac = Hmac::<Sha256>::new_from_slice(secret).expect("an HMAC takes keys of any length");
    let mac = mac.chain_update(time).chain_update(b".").chain_update(body);
    mac.verify_slice(signature).is_ok()
}

fn check_time(time: &str, now: DateTime<Utc>) -> Result<(), WebhookError> {
    let seconds = time.parse().map_err(|_| WebhookError::MalformedSignature)?;
    match DateTime::from_timestamp(seconds, 0) {
        None => Err(WebhookError::MalformedSignature),
        Some(time) if time > now + TOLERANCE => Err(WebhookError::NotYetValid),
        Some(time) if time < now - TOLERANCE => Err(WebhookError::Expired),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
