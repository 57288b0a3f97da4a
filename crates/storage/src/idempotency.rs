//! Requests with an idempotency key, and the answers that their repeats get.
//!
//! Keys, requests and answers are stored in a form that only the caller's API key can produce or read; this table knows
//! neither what was asked nor what was answered.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ApiKeyId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StorageError;

/// Rows that one call deletes at most, so that it ends within the limit of a statement's time.
const PRUNED_AT_ONCE: i64 = 1_000;

/// How long an answer is kept.
pub const KEPT: TimeDelta = TimeDelta::hours(24);

/// A request that is about to be carried out.
#[derive(Clone, Debug)]
pub struct NewAttempt<'a> {
    pub id: Uuid,
    pub api_key: ApiKeyId,
    /// Method and path template, for people who look at the table.
    pub route: &'a str,
    /// Digest of the idempotency key.
    pub key_hash: &'a [u8],
    /// Digest of what is asked.
    pub request_hash: &'a [u8],
    pub now: DateTime<Utc>,
    /// When an attempt without an answer counts as lost.
    pub locked_until: DateTime<Utc>,
}

/// What is known of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing, or only an attempt that was lost: the caller may carry the request out.
    Claimed,
    /// Another attempt is being carried out.
    Running,
    /// It belongs to another request.
    OtherRequest,
    /// The request was carried out by the attempt `id`.
    Answered { id: Uuid, answer: Vec<u8> },
}

/// Claims an idempotency key. Of several simultaneous callers, one gets it.
pub async fn claim(conn: &mut PgConnection, new: &NewAttempt<'_>) -> Result<Claim, StorageError> {
    let claimed = sqlx::query!(
        "INSERT INTO idempotency_keys AS earlier
             (id, api_key_id, route, key_hash, request_hash, created_at, locked_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (api_key_id, key_hash) DO UPDATE
         SET id = EXCLUDED.id, route = EXCLUDED.route, request_hash = EXCLUDED.request_hash,
             created_at = EXCLUDED.created_at, locked_until = EXCLUDED.locked_until, answer = NULL
         WHERE earlier.created_at < $8
            OR (earlier.answer IS NULL AND earlier.locked_until < EXCLUDED.created_at
                AND earlier.request_hash = EXCLUDED.request_hash)",
        new.id,
        new.api_key.0,
        new.route,
        new.key_hash,
        new.request_hash,
        new.now,
        new.locked_until,
        new.now - KEPT,
    )
    .execute(&mut *conn)
    .await?;
    match claimed.rows_affected() {
        0 => read(conn, new).await,
        _ => Ok(Claim::Claimed),
    }
}

async fn read(conn: &mut PgConnection, new: &NewAttempt<'_>) -> Result<Claim, StorageError> {
    let earlier = sqlx::query!(
        "SELECT id, request_hash, answer
         FROM idempotency_keys
         WHERE api_key_id = $1 AND key_hash = $2",
        new.api_key.0,
        new.key_hash,
    )
    .fetch_optional(conn)
    .await?;
    // Without a row, the other attempt has just failed; a repeat may carry the request out.
    let Some(earlier) = earlier else {
        return Ok(Claim::Running);
    };
    Ok(match earlier.answer {
        _ if earlier.request_hash != new.request_hash => Claim::OtherRequest,
        Some(answer) => Claim::Answered { id: earlier.id, answer },
        None => Claim::Running,
    })
}

/// Stores the answer of an attempt, unless another one has taken its place.
pub async fn finish(conn: &mut PgConnection, id: Uuid, answer: &[u8]) -> Result<(), StorageError> {
    sqlx::query!("UPDATE idempotency_keys SET answer = $2 WHERE id = $1", id, answer)
        .execute(conn)
        .await?;
    Ok(())
}

/// Frees the key of an attempt that changed nothing.
pub async fn release(conn: &mut PgConnection, id: Uuid) -> Result<(), StorageError> {
    sqlx::query!("DELETE FROM idempotency_keys WHERE id = $1 AND answer IS NULL", id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Deletes requests whose answer is no longer kept, some at a time, and returns how many.
pub async fn prune(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, StorageError> {
    let pruned = sqlx::query!(
        "DELETE FROM idempotency_keys
         WHERE id IN (SELECT id
                      FROM idempotency_keys
                      WHERE created_at < $1
                      ORDER BY created_at
                      LIMIT $2
                      FOR UPDATE SKIP LOCKED)",
        now - KEPT,
        PRUNED_AT_ONCE,
    )
    .execute(conn)
    .await?;
    Ok(pruned.rows_affected())
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use sqlx::PgPool;

    use super::*;
    use crate::{api_keys, support};

    async fn key(conn: &mut PgConnection) -> ApiKeyId {
        let key = api_keys::ApiKey {
            id: support::id(),
            name: "ci".to_owned(),
            prefix: "tsk_abcd".to_owned(),
            scopes: Vec::new(),
            created_at: support::now(),
            last_used_at: None,
            revoked_at: None,
        };
        api_keys::insert(conn, &key, &[7; 32]).await.unwrap();
        key.id
    }

    /// An attempt `seconds` after the first one.
    fn attempt(api_key: ApiKeyId, request: &'static [u8], seconds: i64) -> NewAttempt<'static> {
        let now = support::now() + TimeDelta::seconds(seconds);
        NewAttempt {
            id: support::id(),
            api_key,
            route: "POST /v1/rooms",
            key_hash: b"key",
            request_hash: request,
            now,
            locked_until: now + TimeDelta::seconds(60),
        }
    }

    #[sqlx::test]
    async fn an_attempt_without_an_answer_does_not_block_its_key_for_ever(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let key = key(&mut conn).await;
        let lost = attempt(key, b"a", 0);

        let mut claims = vec![claim(&mut conn, &lost).await.unwrap()];
        for (request, seconds) in [(&b"a"[..], 60), (b"b", 61), (b"a", 61), (b"a", 61)] {
            claims.push(claim(&mut conn, &attempt(key, request, seconds)).await.unwrap());
        }
        finish(&mut conn, lost.id, b"late").await.unwrap();

        use Claim::{Claimed, OtherRequest, Running};
        assert_eq!(claims, [Claimed, Running, OtherRequest, Claimed, Running]);
        assert_eq!(claim(&mut conn, &attempt(key, b"a", 62)).await.unwrap(), Running);
    }

    #[sqlx::test]
    async fn an_answer_is_kept_until_it_is_forgotten(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let key = key(&mut conn).await;
        let first = attempt(key, b"a", 0);
        claim(&mut conn, &first).await.unwrap();
        finish(&mut conn, first.id, b"answer").await.unwrap();
        release(&mut conn, first.id).await.unwrap();

        let same_day = claim(&mut conn, &attempt(key, b"a", 86_400)).await.unwrap();
        let next_day = claim(&mut conn, &attempt(key, b"b", 86_401)).await.unwrap();

        let answer = b"answer".to_vec();
        assert_eq!(same_day, Claim::Answered { id: first.id, answer });
        assert_eq!(next_day, Claim::Claimed);
        assert_eq!(prune(&mut conn, support::now() + TimeDelta::days(3)).await.unwrap(), 1);
    }

    #[sqlx::test]
    async fn one_of_several_simultaneous_attempts_gets_the_key(pool: PgPool) {
        let key = key(&mut pool.acquire().await.unwrap()).await;

        let claims = join_all((0..8).map(async |_| {
            let mut conn = pool.acquire().await.unwrap();
            claim(&mut conn, &attempt(key, b"a", 0)).await.unwrap()
        }))
        .await;

        let claimed = claims.iter().filter(|c| **c == Claim::Claimed).count();
        assert_eq!(claimed, 1, "{claims:?}");
    }
}
