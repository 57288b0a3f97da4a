//! The text of server-sent events.

use bytes::Bytes;
use domain::feed::FeedEvent;
use serde_json::json;

/// Type of the message about events that a client has missed for good.
pub const LOST: &str = "feed.lost";

/// How long a client should wait before it connects again, in milliseconds.
const RECONNECT_MS: u32 = 2_000;

/// Returns the first lines of a stream: how soon to connect again, and where the stream begins.
pub fn begin(position: i64) -> Bytes {
    format!("retry: {RECONNECT_MS}\nid: {position}\n\n").into()
}

/// Returns an event. Its message is one line, so it needs one `data` field.
pub fn event(event: &FeedEvent) -> Bytes {
    format!(
        "id: {}\nevent: {}\ndata: {}\n\n",
        event.position,
        event.kind,
        event.message()
    )
    .into()
}

/// Returns the message that events after position `after` are lost, and that the stream goes on after `resumed`.
pub fn lost(after: i64, resumed: i64) -> Bytes {
    let message = json!({"type": LOST, "data": {"after": after, "resumed_after": resumed}});
    format!("id: {resumed}\nevent: {LOST}\ndata: {message}\n\n").into()
}

/// Returns a sign of life. It moves the client's last event id without dispatching an event, so that a client whose filter
/// matches little does not resume from a position that was deleted meanwhile.
pub fn heartbeat(position: i64) -> Bytes {
    format!(": heartbeat\nid: {position}\n\n").into()
}
