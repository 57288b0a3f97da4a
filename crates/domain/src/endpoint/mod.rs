//! Endpoints: where customers want to be told what happens, and which addresses may be called for that.

mod address;
mod url;

pub use address::NetworkPolicy;
pub use url::{EndpointUrl, InvalidUrl};

use std::fmt;

use chrono::{DateTime, Utc};

use crate::feed::{FeedEventType, NewFeedEvent};
use crate::text_enum::text_enum;
use crate::{EndpointId, FeedEventId};

text_enum! {
    /// Why nothing is sent to an endpoint.
    DisabledReason {
        /// Somebody disabled it.
        Requested = "requested",
        /// It answered 410.
        Gone = "gone",
        /// A delivery failed for three days, and so did all others in that time.
        Failing = "failing",
        /// A reason that this version does not know: a newer one wrote it.
        Other = "other",
    }
}

text_enum! {
    /// The states of a delivery: one message to one endpoint.
    DeliveryState {
        /// It is to be sent, or sent again.
        Waiting = "waiting",
        /// The endpoint has confirmed it.
        Delivered = "delivered",
        /// All attempts have failed, or the endpoint was disabled.
        Failed = "failed",
    }
}

/// A customer's URL and what is sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Our id.
    pub id: EndpointId,
    /// Where messages are sent. It may contain a secret, and is not logged.
    pub url: String,
    /// The owner's note.
    pub description: String,
    /// Names of the types of events that are sent; empty for all.
    pub event_types: Vec<String>,
    /// Only events of rooms with this name are sent.
    pub room: Option<String>,
    /// Whether and why nothing is sent.
    pub disabled: Option<DisabledReason>,
    /// Since when no delivery succeeded; `None` if the latest one did.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When a setting last changed.
    pub updated_at: DateTime<Utc>,
}

/// A key that signs messages. Its debug output does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointSecret(pub Vec<u8>);

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSecret([redacted])")
    }
}

impl Endpoint {
    /// Returns the event that tells that the endpoint was disabled. The URL is left out: others receive it, too.
    pub fn disabled_event(&self, id: FeedEventId, reason: DisabledReason) -> NewFeedEvent {
        self.event(
            id,
            FeedEventType::EndpointDisabled,
            serde_json::json!({"id": self.id, "reason": reason}),
        )
    }

    /// Returns the event that is sent to this endpoint only, to test it.
    pub fn test_event(&self, id: FeedEventId) -> NewFeedEvent {
        self.event(id, FeedEventType::EndpointTest, serde_json::json!({"id": self.id}))
    }

    fn event(&self, id: FeedEventId, kind: FeedEventType, endpoint: serde_json::Value) -> NewFeedEvent {
        NewFeedEvent {
            id,
            kind,
            room: None,
            meeting_id: None,
            recording_id: None,
            data: serde_json::json!({"endpoint": endpoint}),
        }
    }
}
