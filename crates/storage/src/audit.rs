//! The audit: a chain of hashes, to which rows are only added.

use domain::audit::{AuditEntry, AuditFault, AuditHash, AuditHead, AuditRow, AuditVerifier};
use sqlx::{PgConnection, PgPool};

use crate::{StorageError, pool, row::Row};

/// Rows that are read at once to verify them.
const BATCH: i64 = 1000;

/// Adds a row in the caller's transaction, and so together with the change that it is about. Writers of the chain wait for
/// each other until their transactions end, so this is the last statement of a short one.
pub async fn append(conn: &mut PgConnection, entry: &AuditEntry) -> Result<(), StorageError> {
    let row = lock_head(conn).await?.next(entry);
    sqlx::query!(
        "WITH head AS (UPDATE audit_head SET seq = $1, hash = $8)
         INSERT INTO audit (seq, at, actor, action, subject, details, digests, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        row.seq,
        row.at,
        row.actor,
        row.action,
        row.subject,
        row.details,
        row.digests,
        row.hash,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists rows, newest first, before the one with this number.
pub async fn list(conn: &mut PgConnection, before: Option<i64>, limit: i64) -> Result<Vec<AuditRow>, StorageError> {
    let rows = sqlx::query_as!(
        AuditRow,
        "SELECT seq, at, actor, action, subject, details, digests, hash
         FROM audit
         WHERE $1::bigint IS NULL OR seq < $1
         ORDER BY seq DESC
         LIMIT $2",
        before,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// Verifies the whole chain as it is at one moment. Returns its head, or the first fault.
pub async fn verify(pool: &PgPool) -> Result<Result<AuditHead, AuditFault>, StorageError> {
    let mut snapshot = pool::begin_snapshot(pool).await?;
    let head = read_head(&mut snapshot).await?;
    let mut verifier = AuditVerifier::default();
    let mut after = i64::MIN;
    loop {
        let rows = list_after(&mut snapshot, after).await?;
        let Some(last) = rows.last() else {
            return Ok(verifier.finish(&head));
        };
        after = last.seq;
        if let Err(fault) = rows.iter().try_for_each(|row| verifier.next(row)) {
            return Ok(Err(fault));
        }
    }
}

async fn list_after(conn: &mut PgConnection, after: i64) -> Result<Vec<AuditRow>, StorageError> {
    let rows = sqlx::query_as!(
        AuditRow,
        "SELECT seq, at, actor, action, subject, details, digests, hash
         FROM audit
         WHERE seq > $1
         ORDER BY seq
         LIMIT $2",
        after,
        BATCH,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

async fn lock_head(conn: &mut PgConnection) -> Result<AuditHead, StorageError> {
    let row = sqlx::query!("SELECT seq, hash FROM audit_head FOR UPDATE")
        .fetch_one(conn)
        .await?;
    head(row.seq, row.hash)
}

async fn read_head(conn: &mut PgConnection) -> Result<AuditHead, StorageError> {
    let row = sqlx::query!("SELECT seq, hash FROM audit_head").fetch_one(conn).await?;
    head(row.seq, row.hash)
}

fn head(seq: i64, hash: Vec<u8>) -> Result<AuditHead, StorageError> {
    let at = Row {
        table: "audit_head",
        id: &seq,
    };
    let hash = AuditHash::try_from(hash.as_slice());
    Ok(AuditHead {
        seq,
        hash: at.read("hash", hash)?,
    })
}

#[cfg(test)]
mod tests {
    use domain::{
        MeetingId,
        audit::{Actor, AuditAction, AuditSubject},
    };
    use futures::future::join_all;
    use serde_json::json;
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::support;

    fn entry(n: i64) -> AuditEntry {
        AuditEntry {
            at: support::now(),
            actor: Actor::Participant("ada".into()),
            action: AuditAction::MuteTracks,
            subject: AuditSubject::meeting(MeetingId(uuid::Uuid::nil())),
            details: json!({"identity": "bob", "n": n}),
        }
    }

    async fn append_all(pool: &PgPool, count: i64) {
        for n in 1..=count {
            append(&mut pool.acquire().await.unwrap(), &entry(n)).await.unwrap();
        }
    }

    /// Carries out a statement, verifies, and undoes it.
    async fn fault_after(pool: &PgPool, sql: String) -> String {
        let execute = async |sql: String| sqlx::query(AssertSqlSafe(sql)).execute(pool).await.unwrap();
        execute("CREATE TABLE saved AS SELECT * FROM audit".to_owned()).await;
        execute(sql).await;
        let fault = verify(pool).await.unwrap().unwrap_err();
        execute("DELETE FROM audit".to_owned()).await;
        execute("INSERT INTO audit SELECT * FROM saved".to_owned()).await;
        execute("DROP TABLE saved".to_owned()).await;
        fault.to_string()
    }

    #[sqlx::test]
    async fn one_changed_byte_in_any_column_is_named(pool: PgPool) {
        append_all(&pool, 5).await;

        for (column, change) in [
            ("seq", "seq + 10"),
            ("at", "at + interval '1 microsecond'"),
            ("actor", "overlay(actor placing 'X' from 14)"),
            ("action", "overlay(action placing 'M' from 1)"),
            ("subject", "overlay(subject placing '1' from 12)"),
            ("details", "replace(details, 'bob', 'bub')"),
            ("digests", "set_byte(digests, 77, get_byte(digests, 77) # 1)"),
            ("hash", "set_byte(hash, 31, get_byte(hash, 31) # 1)"),
        ] {
            for seq in [1, 3, 5] {
                let fault = fault_after(&pool, format!("UPDATE audit SET {column} = {change} WHERE seq = {seq}")).await;
                // A number that is changed leaves a gap where it was, unless it was the last.
                let expected = match (column, seq) {
                    ("seq", 1 | 3) => format!("row {seq} is missing; row {} is in its place", seq + 1),
                    _ => format!("row {seq}: the column {column} was changed"),
                };
                assert_eq!(fault, expected);
            }
        }
        assert_eq!(verify(&pool).await.unwrap().unwrap().seq, 5);
    }

    #[sqlx::test]
    async fn rows_that_are_missing_or_moved_are_named(pool: PgPool) {
        append_all(&pool, 5).await;
        let swap = "UPDATE audit SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3)";

        let middle = fault_after(&pool, "DELETE FROM audit WHERE seq = 3".to_owned()).await;
        let last = fault_after(&pool, "DELETE FROM audit WHERE seq > 3".to_owned()).await;
        let all = fault_after(&pool, "DELETE FROM audit".to_owned()).await;
        let swapped = fault_after(&pool, swap.to_owned()).await;

        assert_eq!(middle, "row 3 is missing; row 4 is in its place");
        assert_eq!(last, "the chain ends with row 3, but its head says 5");
        assert_eq!(all, "the chain ends with row 0, but its head says 5");
        assert_eq!(swapped, "row 1: the column seq was changed");
    }

    #[sqlx::test]
    async fn simultaneous_writers_make_one_chain_and_a_rollback_leaves_no_gap(pool: PgPool) {
        let mut dropped = pool::begin(&pool).await.unwrap();
        append(&mut dropped, &entry(0)).await.unwrap();
        drop(dropped);

        join_all((0..8).map(|n| {
            let pool = pool.clone();
            async move {
                let mut tx = pool::begin(&pool).await.unwrap();
                append(&mut tx, &entry(n)).await.unwrap();
                pool::commit(tx).await.unwrap();
            }
        }))
        .await;

        assert_eq!(verify(&pool).await.unwrap().unwrap().seq, 8);
        let newest = list(&mut pool.acquire().await.unwrap(), Some(8), 2).await.unwrap();
        assert_eq!(newest.iter().map(|row| row.seq).collect::<Vec<_>>(), [7, 6]);
    }
}
