//! Whether two processes mean the same store, told by an object that one leaves and the other finds.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::{ObjectKey, object_key::encode_value};

use crate::{Body, ObjectError, ObjectStore};

/// Ample for a time and a few words; whatever is longer is no probe.
const LIMIT_BYTES: u64 = 1024;

/// Patience for each step; a store that needs longer is no use for recordings either.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Leaves a probe named after its writer, such as `egress`, replacing the last one.
pub async fn write(store: &dyn ObjectStore, writer: &str, now: DateTime<Utc>) -> Result<(), ObjectError> {
    let body = Body::Bytes(Bytes::from(now.to_rfc3339()));
    within(store.put(&key(writer), body, "text/plain; charset=utf-8"))
        .await
        .map(drop)
}

/// When `writer` last left a probe in this store; `None` if it never did, which means that the two ends differ.
pub async fn read(store: &dyn ObjectStore, writer: &str) -> Result<Option<DateTime<Utc>>, ObjectError> {
    let read = async { store.get(&key(writer), None).await?.read(LIMIT_BYTES).await };
    let content = match within(read).await {
        Err(ObjectError::NotFound(_)) => return Ok(None),
        content => content?,
    };
    let time = std::str::from_utf8(&content)
        .ok()
        .and_then(|text| DateTime::parse_from_rfc3339(text.trim()).ok());
    Ok(time.map(|time| time.with_timezone(&Utc)))
}

/// Writes, reads back and deletes, so that missing rights show at the start and not at the first recording.
pub async fn round_trip(store: &dyn ObjectStore, writer: &str, now: DateTime<Utc>) -> Result<(), ObjectError> {
    let writer = format!("{writer}-round-trip");
    write(store, &writer, now).await?;
    if read(store, &writer).await?.is_none() {
        let source = "what was just written is not there".into();
        return Err(ObjectError::Failed {
            action: "keep an object",
            source,
        });
    }
    within(store.delete(&key(&writer))).await
}

fn key(writer: &str) -> ObjectKey {
    ObjectKey::parse(format!(".trackscribe/probe/{}", encode_value(writer))).expect("an encoded value is one segment")
}

async fn within<T>(step: impl Future<Output = Result<T, ObjectError>>) -> Result<T, ObjectError> {
    tokio::time::timeout(TIMEOUT, step)
        .await
        .unwrap_or_else(|elapsed| Err(ObjectError::Unavailable(elapsed.into())))
}
