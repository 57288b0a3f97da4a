//! Deliveries: the ledger of messages to webhook endpoints.

pub mod get;
pub mod list;
pub mod replay;

#[cfg(test)]
mod tests;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use chrono::{DateTime, Utc};
use domain::{DeliveryId, EndpointId, FeedEventId, endpoint::DeliveryState};
use serde::Serialize;
use storage::{PgConnection, deliveries::Delivery};
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult};

/// One message to one endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryBody {
    /// Id of the delivery.
    #[schema(value_type = uuid::Uuid)]
    pub id: DeliveryId,
    /// Id of the endpoint.
    #[schema(value_type = uuid::Uuid)]
    pub endpoint_id: EndpointId,
    /// Id of the event, which is also the message's `webhook-id`.
    #[schema(value_type = uuid::Uuid)]
    pub event_id: FeedEventId,
    /// Type of the event.
    #[schema(example = "meeting.closed")]
    pub event_type: String,
    /// `waiting`: to be sent, or to be sent again. `delivered`: the endpoint has confirmed it. `failed`: all attempts have
    /// failed, or the endpoint was disabled.
    pub state: DeliveryState,
    /// Attempts since it was created or replayed.
    #[schema(minimum = 0)]
    pub attempts: i32,
    /// When the next attempt is due. Null unless it is waiting.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When the latest attempt began.
    pub attempted_at: Option<DateTime<Utc>>,
    /// How long the latest attempt took.
    pub duration_ms: Option<i64>,
    /// HTTP status that the endpoint answered at the latest attempt. Null if it did not answer.
    #[schema(minimum = 100, maximum = 999)]
    pub status: Option<i32>,
    /// The first 1,024 bytes of its answer.
    pub response: Option<String>,
    /// Why the latest attempt failed, for people.
    pub error: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was delivered or failed.
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        let is_waiting = delivery.state == DeliveryState::Waiting;
        Self {
            id: delivery.id,
            endpoint_id: delivery.endpoint_id,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            state: delivery.state,
            attempts: delivery.attempts,
            next_attempt_at: is_waiting.then_some(delivery.due_at),
            attempted_at: delivery.attempted_at,
            duration_ms: delivery.duration_ms,
            status: delivery.status,
            response: delivery.response,
            error: delivery.error,
            created_at: delivery.created_at,
            finished_at: delivery.finished_at,
        }
    }
}

/// Extractor: `{id}` of the path as a delivery id. Anything but a UUID gives 404.
pub struct DeliveryPath(pub DeliveryId);

impl<S: Send + Sync> FromRequestParts<S> for DeliveryPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let id = Path::<uuid::Uuid>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(DeliveryId(id)))
            .map_err(|_| ApiError::NotFound("delivery"))
    }
}

impl DeliveryPath {
    pub async fn find(&self, conn: &mut PgConnection) -> ApiResult<Delivery> {
        let delivery = storage::deliveries::find(conn, self.0).await?;
        delivery.ok_or(ApiError::NotFound("delivery"))
    }
}
