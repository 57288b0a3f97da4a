//! Keys that sign messages.

use std::{collections::HashMap, time::Duration};

use domain::{EndpointId, endpoint::EndpointSecret};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StorageError;

/// How long the previous key signs beside a new one, so that a receiver has time to change it.
pub const PREVIOUS_SECRET_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Adds a key in the caller's transaction, which must hold the endpoint's lock or have inserted it. The previous key expires
/// after a day, and an older one at once: at most two sign.
pub async fn add_secret(conn: &mut PgConnection, id: EndpointId, secret: &EndpointSecret) -> Result<(), StorageError> {
    sqlx::query!(
        "DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at IS NOT NULL",
        id.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE endpoint_secrets SET expires_at = now() + make_interval(secs => $2) WHERE endpoint_id = $1",
        id.0,
        PREVIOUS_SECRET_KEPT.as_secs_f64(),
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO endpoint_secrets (endpoint_id, secret) VALUES ($1, $2)",
        id.0,
        secret.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Returns the keys that sign messages to each endpoint, the current one first.
pub async fn list_secrets(
    conn: &mut PgConnection,
    endpoints: &[EndpointId],
) -> Result<HashMap<EndpointId, Vec<EndpointSecret>>, StorageError> {
    let ids: Vec<Uuid> = endpoints.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "SELECT endpoint_id, secret
         FROM endpoint_secrets
         WHERE endpoint_id = ANY ($1) AND (expires_at IS NULL OR expires_at > now())
         ORDER BY expires_at NULLS FIRST",
        &ids,
    )
    .fetch_all(conn)
    .await?;
    let mut secrets: HashMap<EndpointId, Vec<EndpointSecret>> = HashMap::new();
    for row in rows {
        let of_endpoint = secrets.entry(EndpointId(row.endpoint_id)).or_default();
        of_endpoint.push(EndpointSecret(row.secret));
    }
    Ok(secrets)
}
