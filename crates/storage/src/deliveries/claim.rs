//! Claims due deliveries.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use domain::{DeliveryId, EndpointId, FeedEventId, MeetingId, endpoint::EndpointSecret, feed::FeedEvent};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{StorageError, endpoints, locks, pool};

/// The lock of the process that claims. It makes the limit per endpoint hold for all workers together.
const LOCK: &str = "deliveries";

/// How many deliveries may be claimed.
#[derive(Clone, Copy, Debug)]
pub struct ClaimLimits {
    /// By this call.
    pub total: i64,
    /// Under way to one endpoint at the same time, from all workers. One to an endpoint whose latest delivery failed.
    pub per_endpoint: i64,
    /// How long the claim holds.
    pub lease: Duration,
}

/// The right to store the result of an attempt, until another worker claims the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryLease {
    pub delivery: DeliveryId,
    pub endpoint: EndpointId,
    token: Uuid,
}

/// A claimed delivery.
#[derive(Clone, Debug)]
pub struct ClaimedDelivery {
    pub lease: DeliveryLease,
    pub url: String,
    /// The keys that sign it.
    pub secrets: Vec<EndpointSecret>,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// Time since it was first to be sent, by the database's clock.
    pub age: Duration,
    pub event: FeedEvent,
}

/// Claims due deliveries, in turn from each endpoint. To one that is disabled, only tests are sent. Counts the attempt at the start, so that an attempt that kills its
/// process is counted, too. Returns none if another process is claiming.
pub async fn claim_due(pool: &PgPool, limits: ClaimLimits) -> Result<Vec<ClaimedDelivery>, StorageError> {
    let mut conn = pool::acquire(pool).await?;
    if limits.total < 1 || !is_any_due(&mut conn).await? {
        return Ok(Vec::new());
    }
    drop(conn);
    let mut tx = pool::begin(pool).await?;
    if !locks::try_lock(&mut tx, LOCK).await? {
        return Ok(Vec::new());
    }
    let rows = claim(&mut tx, limits).await?;
    let endpoint_ids: Vec<_> = rows.iter().map(|row| EndpointId(row.endpoint_id)).collect();
    let secrets = endpoints::list_secrets(&mut tx, &endpoint_ids).await?;
    pool::commit(tx).await?;
    Ok(rows.into_iter().map(|row| row.claimed(&secrets)).collect())
}

/// The usual answer is no, and then no lock is taken.
async fn is_any_due(conn: &mut PgConnection) -> Result<bool, StorageError> {
    let due = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1
                          FROM deliveries
                          WHERE state = 'waiting' AND due_at <= now() AND coalesce(lease_until, '-infinity') < now())
               AS "due!""#
    )
    .fetch_one(conn)
    .await?;
    Ok(due)
}

async fn claim(conn: &mut PgConnection, limits: ClaimLimits) -> Result<Vec<ClaimRow>, StorageError> {
    let rows = sqlx::query_as!(
        ClaimRow,
        r#"WITH due AS (
               SELECT next.id
               FROM endpoints
               CROSS JOIN LATERAL (
                   SELECT id, due_at, row_number() OVER (ORDER BY due_at, id) + under_way.n AS turn
                   FROM deliveries, (SELECT count(*) AS n
                                     FROM deliveries
                                     WHERE endpoint_id = endpoints.id AND state = 'waiting' AND lease_until >= now())
                                        AS under_way
                   WHERE endpoint_id = endpoints.id AND state = 'waiting' AND due_at <= now()
                     AND coalesce(lease_until, '-infinity') < now()
                     AND (disabled_reason IS NULL
                          OR EXISTS (SELECT 1 FROM feed WHERE feed.id = event_id AND type = 'endpoint.test'))
                   ORDER BY due_at, id
                   LIMIT $2) AS next
               WHERE turn <= CASE WHEN failing_since IS NULL THEN $2 ELSE 1 END
               ORDER BY turn, due_at
               LIMIT $1)
           UPDATE deliveries
           SET attempts = attempts + 1, attempted_at = now(), token = gen_random_uuid(),
               lease_until = now() + make_interval(secs => $3)
           FROM endpoints, feed
           WHERE deliveries.id IN (SELECT id FROM due) AND endpoints.id = endpoint_id AND feed.id = event_id
             AND position IS NOT NULL
           RETURNING deliveries.id, endpoint_id, token AS "token!", url, attempts, event_id,
                     greatest(extract(epoch FROM now() - started_at), 0)::float8 AS "age_s!",
                     position AS "position!", type AS kind, occurred_at, feed.room, meeting_id, data"#,
        limits.total,
        limits.per_endpoint,
        limits.lease.as_secs_f64(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

struct ClaimRow {
    id: Uuid,
    endpoint_id: Uuid,
    token: Uuid,
    url: String,
    attempts: i32,
    age_s: f64,
    event_id: Uuid,
    position: i64,
    kind: String,
    occurred_at: DateTime<Utc>,
    room: Option<String>,
    meeting_id: Option<Uuid>,
    data: Value,
}

impl ClaimRow {
    fn claimed(self, secrets: &HashMap<EndpointId, Vec<EndpointSecret>>) -> ClaimedDelivery {
        let endpoint = EndpointId(self.endpoint_id);
        ClaimedDelivery {
            lease: DeliveryLease {
                delivery: DeliveryId(self.id),
                endpoint,
                token: self.token,
            },
            url: self.url,
            secrets: secrets.get(&endpoint).cloned().unwrap_or_default(),
            attempt: self.attempts,
            age: Duration::from_secs_f64(self.age_s),
            event: FeedEvent {
                position: self.position,
                id: FeedEventId(self.event_id),
                kind: self.kind,
                occurred_at: self.occurred_at,
                room: self.room,
                meeting_id: self.meeting_id.map(MeetingId),
                data: self.data,
            },
        }
    }
}

impl DeliveryLease {
    /// Returns the token that the row must contain for a result to count.
    pub(super) fn token(self) -> Uuid {
        self.token
    }
}
