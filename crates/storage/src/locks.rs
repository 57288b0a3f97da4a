//! Named locks, for work that one process at a time should do.

use sqlx::PgConnection;

use crate::StorageError;

/// Takes the lock `name` until the transaction ends. Returns whether it was free.
pub async fn try_lock(conn: &mut PgConnection, name: &str) -> Result<bool, StorageError> {
    let held = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS "held!""#,
        name
    )
    .fetch_one(conn)
    .await?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;

    #[sqlx::test]
    async fn a_lock_has_one_holder_until_its_transaction_ends(pool: PgPool) {
        let mut first = pool.begin().await.unwrap();
        let mut second = pool.begin().await.unwrap();

        assert!(try_lock(&mut first, "coverage").await.unwrap());
        assert!(!try_lock(&mut second, "coverage").await.unwrap());
        assert!(try_lock(&mut second, "another").await.unwrap());
        first.rollback().await.unwrap();
        assert!(try_lock(&mut second, "coverage").await.unwrap());
    }
}
