//! Probe objects: show that a store works, and that two processes use the same one.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::{ObjectKey, object_key::encode_value};

use crate::{Body, ObjectError, ObjectStore};

/// Longest accepted probe in bytes. A probe contains only a timestamp.
const LIMIT_BYTES: u64 = 1024;

/// Time limit for each operation. A slower store could not hold recordings either.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Writes the probe of `writer`, for example `egress`, with the current time. Replaces its previous probe.
pub async fn write(store: &dyn ObjectStore, writer: &str, now: DateTime<Utc>) -> Result<(), ObjectError> {
    let body = Body::Bytes(Bytes::from(now.to_rfc3339()));
    with_timeout(store.put(&key(writer), body, "text/plain; charset=utf-8"))
        .await
        .map(drop)
}

/// Returns when `writer` last wrote its probe. `None` means that it never did in this store, so it may use another one.
pub async fn read(store: &dyn ObjectStore, writer: &str) -> Result<Option<DateTime<Utc>>, ObjectError> {
    let read = async { store.get(&key(writer), None).await?.read(LIMIT_BYTES).await };
    let content = match with_timeout(read).await {
        Err(ObjectError::NotFound(_)) => return Ok(None),
        content => content?,
    };
    let time = std::str::from_utf8(&content)
        .ok()
        .and_then(|text| DateTime::parse_from_rfc3339(text.trim()).ok());
    Ok(time.map(|time| time.with_timezone(&Utc)))
}

/// Writes, reads and deletes a probe, so that missing permissions are found at startup and not at the first recording.
pub async fn round_trip(store: &dyn ObjectStore, writer: &str, now: DateTime<Utc>) -> Result<(), ObjectError> {
    let writer = format!("{writer}-round-trip");
    write(store, &writer, now).await?;
    if read(store, &writer).await?.is_none() {
        let source = "the object just written does not exist".into();
        return Err(ObjectError::Failed {
            action: "keep an object",
            source,
        });
    }
    with_timeout(store.delete(&key(&writer))).await
}

fn key(writer: &str) -> ObjectKey {
    ObjectKey::parse(format!(".trackscribe/probe/{}", encode_value(writer)))
        .expect("an encoded value is a valid segment")
}

async fn with_timeout<T>(step: impl Future<Output = Result<T, ObjectError>>) -> Result<T, ObjectError> {
    tokio::time::timeout(TIMEOUT, step)
        .await
        .unwrap_or_else(|elapsed| Err(ObjectError::Unavailable(elapsed.into())))
}
