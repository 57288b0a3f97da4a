//! What hosts have decided about the people in a meeting.
//!
//! The decisions end with the meeting; their rows stay until the meeting is deleted.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Identity, MeetingId, RoomId, controls::Controls, job::Job, permissions::Permissions};
use sqlx::PgConnection;

use crate::{StorageError, jobs};

/// Loads the decisions about a meeting.
pub async fn load(conn: &mut PgConnection, meeting: MeetingId) -> Result<Controls, StorageError> {
    let row = sqlx::query!(
        r#"SELECT ARRAY(SELECT identity FROM removals WHERE meeting_id = $1) AS "removed!",
                  (SELECT identities FROM meeting_locks WHERE meeting_id = $1) AS locked_to"#,
        meeting.0,
    )
    .fetch_one(&mut *conn)
    .await?;
    Ok(Controls {
        removed: row.removed.into_iter().map(Identity).collect(),
        locked_to: row.locked_to.map(|listed| listed.into_iter().map(Identity).collect()),
        permissions: list_permissions(conn, meeting).await?,
    })
}

/// Returns the open meeting of a room and the decisions about it.
pub async fn load_open(
    conn: &mut PgConnection,
    room: RoomId,
) -> Result<Option<(MeetingId, DateTime<Utc>, Controls)>, StorageError> {
    let open = sqlx::query!(
        "SELECT id, started_at FROM meetings WHERE room_id = $1 AND state = 'open'",
        room.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    match open {
        Some(row) => {
            let controls = load(conn, MeetingId(row.id)).await?;
            Ok(Some((MeetingId(row.id), row.started_at, controls)))
        }
        None => Ok(None),
    }
}

/// Lists the open meetings about which something was decided.
pub async fn list_open(conn: &mut PgConnection) -> Result<Vec<MeetingId>, StorageError> {
    let ids = sqlx::query_scalar!(
        "SELECT id
         FROM meetings
         WHERE state = 'open'
           AND (EXISTS (SELECT FROM removals WHERE meeting_id = meetings.id)
                OR EXISTS (SELECT FROM meeting_locks WHERE meeting_id = meetings.id)
                OR EXISTS (SELECT FROM permission_changes WHERE meeting_id = meetings.id))
         ORDER BY id",
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(MeetingId).collect())
}

/// Keeps somebody out of a meeting. Returns whether they were not yet.
pub async fn remove(
    conn: &mut PgConnection,
    meeting: MeetingId,
    identity: &Identity,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let inserted = sqlx::query!(
        "INSERT INTO removals (meeting_id, identity, removed_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        meeting.0,
        identity.as_str(),
        now,
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Lets somebody in again who was removed. Returns whether they were.
pub async fn readmit(conn: &mut PgConnection, meeting: MeetingId, identity: &Identity) -> Result<bool, StorageError> {
    let deleted = sqlx::query!(
        "DELETE FROM removals WHERE meeting_id = $1 AND identity = $2",
        meeting.0,
        identity.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Locks a meeting to everyone who was in it so far and to `connected`, whose webhooks may be late. Returns whether it was
/// unlocked; a locked one stays as it is.
pub async fn lock(
    conn: &mut PgConnection,
    meeting: MeetingId,
    connected: &[Identity],
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let connected: Vec<String> = connected.iter().map(Identity::to_string).collect();
    let inserted = sqlx::query!(
        "INSERT INTO meeting_locks (meeting_id, identities, locked_at)
         VALUES ($1, ARRAY(SELECT identity FROM participants WHERE meeting_id = $1 UNION SELECT unnest($2::text[])), $3)
         ON CONFLICT DO NOTHING",
        meeting.0,
        &connected,
        now,
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Unlocks a meeting. Returns whether it was locked.
pub async fn unlock(conn: &mut PgConnection, meeting: MeetingId) -> Result<bool, StorageError> {
    let deleted = sqlx::query!("DELETE FROM meeting_locks WHERE meeting_id = $1", meeting.0)
        .execute(conn)
        .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Changes what somebody may do in a meeting, also after they join again.
pub async fn permit(
    conn: &mut PgConnection,
    meeting: MeetingId,
    identity: &Identity,
    permissions: Permissions,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    sqlx::query!(
        "INSERT INTO permission_changes (meeting_id, identity, audio, video, screen, data, hidden, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (meeting_id, identity) DO UPDATE
         SET audio = EXCLUDED.audio, video = EXCLUDED.video, screen = EXCLUDED.screen, data = EXCLUDED.data,
             hidden = EXCLUDED.hidden, changed_at = EXCLUDED.changed_at",
        meeting.0,
        identity.as_str(),
        permissions.audio,
        permissions.video,
        permissions.screen,
        permissions.data,
        permissions.hidden,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Queues the job that enforces the decisions about a meeting, if there are any: somebody has joined it.
pub async fn enforce_if_any(conn: &mut PgConnection, meeting: MeetingId) -> Result<(), StorageError> {
    let any = sqlx::query_scalar!(
        r#"SELECT (EXISTS (SELECT FROM removals WHERE meeting_id = $1)
                   OR EXISTS (SELECT FROM meeting_locks WHERE meeting_id = $1)
                   OR EXISTS (SELECT FROM permission_changes WHERE meeting_id = $1)) AS "any!""#,
        meeting.0,
    )
    .fetch_one(&mut *conn)
    .await?;
    match any {
        true => jobs::add(conn, &[Job::EnforceControls { meeting_id: meeting }]).await,
        false => Ok(()),
    }
}

async fn list_permissions(
    conn: &mut PgConnection,
    meeting: MeetingId,
) -> Result<BTreeMap<Identity, Permissions>, StorageError> {
    let rows = sqlx::query!(
        "SELECT identity, audio, video, screen, data, hidden FROM permission_changes WHERE meeting_id = $1",
        meeting.0,
    )
    .fetch_all(conn)
    .await?;
    let changes = rows.into_iter().map(|row| {
        let permissions = Permissions {
            audio: row.audio,
            video: row.video,
            screen: row.screen,
            data: row.data,
            hidden: row.hidden,
        };
        (Identity(row.identity), permissions)
    });
    Ok(changes.collect())
}

#[cfg(test)]
mod tests {
    use domain::{controls::Admission, participant::Role};
    use sqlx::PgPool;

    use super::*;
    use crate::support;

    #[sqlx::test]
    async fn decisions_are_read_as_they_were_made_and_a_repeat_changes_nothing(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let head = support::meeting_with_track(&mut conn).await.head;
        let (meeting, now) = (head.id, support::now());
        let (ada, bob) = (Identity::from("ada"), Identity::from("bob"));
        let quiet = Permissions {
            audio: false,
            ..Permissions::of(Role::Participant)
        };
        let nothing = load(&mut conn, meeting).await.unwrap();

        let locked = [
            lock(&mut conn, meeting, std::slice::from_ref(&bob), now).await.unwrap(),
            lock(&mut conn, meeting, &["eve".into()], now).await.unwrap(),
        ];
        let removed = [
            remove(&mut conn, meeting, &bob, now).await.unwrap(),
            remove(&mut conn, meeting, &bob, now).await.unwrap(),
        ];
        permit(&mut conn, meeting, &ada, Permissions::of(Role::Host), now)
            .await
            .unwrap();
        permit(&mut conn, meeting, &ada, quiet, now).await.unwrap();

        let (open, _, controls) = load_open(&mut conn, head.room_id).await.unwrap().unwrap();
        assert!(nothing.is_empty());
        assert_eq!((open, locked, removed), (meeting, [true, false], [true, false]));
        assert_eq!(controls.admission(Some(&ada)), Admission::Admitted);
        assert_eq!(controls.admission(Some(&bob)), Admission::Removed);
        assert_eq!(controls.admission(Some(&"eve".into())), Admission::Locked);
        assert_eq!(controls.permissions, BTreeMap::from([(ada, quiet)]));
        assert_eq!(list_open(&mut conn).await.unwrap(), [meeting]);

        let undone = (
            readmit(&mut conn, meeting, &bob).await.unwrap(),
            unlock(&mut conn, meeting).await.unwrap(),
        );

        assert_eq!(undone, (true, true));
        assert!(!unlock(&mut conn, meeting).await.unwrap());
    }

    #[sqlx::test]
    async fn a_join_is_checked_only_if_something_was_decided(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let meeting = support::meeting_with_track(&mut conn).await.head.id;
        let queued = "SELECT count(*) FROM jobs WHERE queue = 'enforce_controls'";

        enforce_if_any(&mut conn, meeting).await.unwrap();
        let before: i64 = sqlx::query_scalar(queued).fetch_one(&mut *conn).await.unwrap();
        remove(&mut conn, meeting, &"bob".into(), support::now()).await.unwrap();
        enforce_if_any(&mut conn, meeting).await.unwrap();
        let after: i64 = sqlx::query_scalar(queued).fetch_one(&mut *conn).await.unwrap();

        assert_eq!((before, after), (0, 1));
    }
}
