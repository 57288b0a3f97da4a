//! API keys, by their SHA-256 digest.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ApiKeyId;
use sqlx::PgConnection;

use crate::StorageError;

/// How often the last use of a key is written at most.
const TOUCH_EVERY: TimeDelta = TimeDelta::minutes(1);

/// A stored key, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    /// First characters, to distinguish keys in lists.
    pub prefix: String,
    /// `read`, `write`, `join`, `admin`.
    pub scopes: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Inserts a key under the digest of its text.
pub async fn insert(conn: &mut PgConnection, key: &ApiKey, hash: &[u8; 32]) -> Result<(), StorageError> {
    sqlx::query!(
        "INSERT INTO api_keys (id, name, hash, prefix, scopes, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        key.id.0,
        key.name,
        hash,
        key.prefix,
        &key.scopes,
        key.created_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Finds the key with this digest, unless it was revoked.
pub async fn find_by_hash(conn: &mut PgConnection, hash: &[u8; 32]) -> Result<Option<ApiKey>, StorageError> {
    let key = sqlx::query_as!(
        ApiKey,
        r#"SELECT id AS "id: ApiKeyId", name, prefix, scopes, created_at, last_used_at, revoked_at
           FROM api_keys
           WHERE hash = $1 AND revoked_at IS NULL"#,
        hash,
    )
    .fetch_optional(conn)
    .await?;
    Ok(key)
}

/// Lists all keys, also revoked ones, oldest first.
pub async fn list(conn: &mut PgConnection) -> Result<Vec<ApiKey>, StorageError> {
    let keys = sqlx::query_as!(
        ApiKey,
        r#"SELECT id AS "id: ApiKeyId", name, prefix, scopes, created_at, last_used_at, revoked_at
           FROM api_keys
           ORDER BY created_at, id"#,
    )
    .fetch_all(conn)
    .await?;
    Ok(keys)
}

/// Saves the time of a key's last use, at most once a minute, so that a busy caller does not write with every request.
pub async fn touch(conn: &mut PgConnection, key: &ApiKey, now: DateTime<Utc>) -> Result<(), StorageError> {
    if key.last_used_at.is_some_and(|used| now - used < TOUCH_EVERY) {
        return Ok(());
    }
    sqlx::query!("UPDATE api_keys SET last_used_at = $2 WHERE id = $1", key.id.0, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Revokes a key. Returns whether it existed and was valid.
pub async fn revoke(conn: &mut PgConnection, id: ApiKeyId, now: DateTime<Utc>) -> Result<bool, StorageError> {
    let ended = sqlx::query!(
        "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;
    use uuid::Uuid;

    use super::*;

    const HASH: [u8; 32] = [7; 32];

    #[sqlx::test]
    async fn a_revoked_key_is_no_longer_found(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let key = ApiKey {
            id: ApiKeyId(Uuid::nil()),
            name: "ci".to_owned(),
            prefix: "tsk_abcd".to_owned(),
            scopes: vec!["read".to_owned()],
            created_at: now,
            last_used_at: None,
            revoked_at: None,
        };
        insert(&mut conn, &key, &HASH).await.unwrap();

        let found = find_by_hash(&mut conn, &HASH).await.unwrap();
        touch(&mut conn, &key, now).await.unwrap();
        let revoked = revoke(&mut conn, key.id, now).await.unwrap();

        assert_eq!(found, Some(key));
        assert!(revoked);
        assert_eq!(find_by_hash(&mut conn, &HASH).await.unwrap(), None);
        assert_eq!(list(&mut conn).await.unwrap()[0].last_used_at, Some(now));
    }

    #[sqlx::test(migrations = false)]
    async fn keys_that_could_issue_tokens_still_can_after_the_migration(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let is_before = |m: &&sqlx::migrate::Migration| m.version < 13;
        for migration in crate::pool::MIGRATOR.iter().filter(is_before) {
            sqlx::raw_sql(migration.sql.clone()).execute(&mut *conn).await.unwrap();
        }
        let insert = "INSERT INTO api_keys (id, name, hash, prefix, scopes, created_at)
                      VALUES (gen_random_uuid(), $1, decode(md5($1), 'hex'), 'tsk', $2, now())";
        for (name, scopes) in [("page", &["write"][..]), ("log", &["read"]), ("up", &["admin"])] {
            sqlx::query(insert)
                .bind(name)
                .bind(scopes)
                .execute(&mut *conn)
                .await
                .unwrap();
        }

        let migration = crate::pool::MIGRATOR.iter().find(|m| m.version == 13).unwrap();
        sqlx::raw_sql(migration.sql.clone()).execute(&mut *conn).await.unwrap();

        let mut keys = list(&mut conn).await.unwrap();
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        let scopes: Vec<String> = keys.iter().map(|key| key.scopes.join(",")).collect();
        assert_eq!(scopes, ["read", "write,join", "admin"]);
    }
}
