//! Webhook endpoints: where messages are sent.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod replay;
pub mod secret;
pub mod test;
pub mod update;

mod path;
mod settings;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use domain::{
    EndpointId,
    endpoint::{DisabledReason, Endpoint},
};
pub use path::EndpointPath;
use serde::Serialize;
use utoipa::ToSchema;

/// A URL that messages are sent to.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub struct EndpointBody {
    /// Id of the endpoint.
    #[schema(value_type = uuid::Uuid)]
    pub id: EndpointId,
    /// Where messages are sent.
    #[schema(example = "https://example.com/hooks/trackscribe")]
    pub url: String,
    /// Note of its owner.
    pub description: String,
    /// Types of events that are sent. Empty: all.
    pub event_types: Vec<String>,
    /// Only events of rooms with this name are sent. Null: all.
    pub room: Option<String>,
    /// Whether messages are sent.
    pub enabled: bool,
    /// Why none are sent. `requested`: somebody disabled it. `gone`: it answered 410. `failing`: it confirmed nothing for
    /// days. Null while it is enabled.
    pub disabled_reason: Option<DisabledReason>,
    /// Since when no message was confirmed. Null if the latest one was, or none was sent.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When a setting last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<Endpoint> for EndpointBody {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url,
            description: endpoint.description,
            event_types: endpoint.event_types,
            room: endpoint.room,
            enabled: endpoint.disabled.is_none(),
            disabled_reason: endpoint.disabled,
            failing_since: endpoint.failing_since,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}
