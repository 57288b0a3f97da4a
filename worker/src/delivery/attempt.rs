//! One attempt to send a message, and what follows from its end.

use std::time::Duration;

use domain::{EndpointId, endpoint::DisabledReason, feed::FeedEventType};
use rand::Rng;
use storage::{
    PgConnection, StorageError,
    deliveries::{self, AttemptRecord, ClaimedDelivery},
    endpoints,
};

use super::{Courier, backoff, client::Answer};
use crate::log::chain;

/// An endpoint is disabled when a message was given up and none was confirmed for this long: nearly as long as the attempts
/// at one message take.
const DISABLED_AFTER: Duration = Duration::from_secs(48 * 3600);

/// What follows from an attempt.
enum Verdict {
    Delivered,
    Retry(Duration),
    Failed,
    Gone,
}

impl Verdict {
    fn of(answer: &Answer, delivery: &ClaimedDelivery) -> Self {
        let named = match answer {
            Answer::Confirmed => return Self::Delivered,
            Answer::Gone => return Self::Gone,
            Answer::Failed(named) => *named,
        };
        // Somebody waits for the result of a test.
        if delivery.event.kind == FeedEventType::EndpointTest.name() {
            return Self::Failed;
        }
        let chance = rand::rng().random_range(0.0..=1.0);
        match backoff::pause(delivery.attempt.unsigned_abs(), delivery.age, named, chance) {
            Some(pause) => Self::Retry(pause),
            None => Self::Failed,
        }
    }

    fn label(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry(_) => "retried",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }
}

/// Sends a message once and stores the result. A result that cannot be stored is logged; the message is sent again when its
/// lease expires.
pub async fn run(courier: &Courier, delivery: ClaimedDelivery) {
    let (answer, record) = courier.client.send(&delivery, (courier.ctx.clock)()).await;
    let verdict = Verdict::of(&answer, &delivery);
    log(&verdict, &delivery, &record);
    metrics::counter!("trackscribe_deliveries_total", "outcome" => verdict.label()).increment(1);
    metrics::histogram!("trackscribe_delivery_seconds").record(record.duration.as_secs_f64());
    if let Err(error) = store(courier, &verdict, &delivery, &record).await {
        let error = chain(&error);
        tracing::warn!(delivery.id = %delivery.lease.delivery, error, "cannot store the result of a delivery");
    }
}

async fn store(
    courier: &Courier,
    verdict: &Verdict,
    delivery: &ClaimedDelivery,
    record: &AttemptRecord,
) -> Result<(), StorageError> {
    let _turn = courier.storing.acquire().await;
    let mut tx = courier.ctx.begin().await?;
    let (lease, endpoint) = (delivery.lease, delivery.lease.endpoint);
    let is_held = match verdict {
        Verdict::Delivered => deliveries::deliver(&mut tx, lease, record).await?,
        Verdict::Retry(pause) => deliveries::retry(&mut tx, lease, record, *pause).await?,
        Verdict::Failed | Verdict::Gone => deliveries::fail(&mut tx, lease, record).await?,
    };
    let reason = match verdict {
        Verdict::Gone => Some(DisabledReason::Gone),
        Verdict::Failed if is_failing(&mut tx, delivery.lease.endpoint).await? => Some(DisabledReason::Failing),
        _ => None,
    };
    if let Some(reason) = reason.filter(|_| is_held) {
        tracing::warn!(endpoint.id = %endpoint, %reason, "a webhook endpoint was disabled");
        endpoints::disable(&mut tx, endpoint, reason).await?;
    }
    storage::pool::commit(tx).await
}

/// Whether the endpoint has confirmed nothing for so long that nobody can expect it to.
async fn is_failing(conn: &mut PgConnection, endpoint: EndpointId) -> Result<bool, StorageError> {
    let failing_for = endpoints::failing_for(conn, endpoint).await?;
    Ok(failing_for.is_some_and(|time| time >= DISABLED_AFTER))
}

fn log(verdict: &Verdict, delivery: &ClaimedDelivery, record: &AttemptRecord) {
    let (id, endpoint, attempt) = (delivery.lease.delivery, delivery.lease.endpoint, delivery.attempt);
    let (duration_ms, error) = (
        record.duration.as_millis() as u64,
        record.error.as_deref().unwrap_or_default(),
    );
    match verdict {
        Verdict::Delivered => {
            tracing::debug!(delivery.id = %id, endpoint.id = %endpoint, duration_ms, "message delivered")
        }
        Verdict::Retry(pause) => {
            tracing::info!(delivery.id = %id, endpoint.id = %endpoint, attempt, error, ?pause, "message will be sent again")
        }
        Verdict::Failed | Verdict::Gone => {
            tracing::warn!(delivery.id = %id, endpoint.id = %endpoint, attempt, error, "message was not delivered")
        }
    }
}
