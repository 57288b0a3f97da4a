//! Judges stored webhooks that the server could not judge, until that succeeds.

use std::time::Duration;

use storage::{
    StorageError,
    inbox::{self, Judgement},
};
use tokio_util::sync::CancellationToken;

use crate::{context::WorkerContext, log::chain};

/// How often the inbox is polled. Somebody may be talking in the meeting that an event announces.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Pause after the database did not answer.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// Events that one poll judges at most, so that the list is short and fresh.
const BATCH: i64 = 100;

/// Judges due events until `stop`.
pub async fn run(ctx: &WorkerContext, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match stop.run_until_cancelled(judge_due(ctx)).await {
            Some(Err(error)) => {
                let error = chain(&error);
                tracing::warn!(error, "cannot judge stored webhooks");
                FAILURE_PAUSE
            }
            _ => POLL_INTERVAL,
        };
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

/// Judges the events that are due. One that fails again is due later, and does not hold up the others.
pub async fn judge_due(ctx: &WorkerContext) -> Result<(), StorageError> {
    let due = storage::events::list_unjudged(&mut *ctx.conn().await?, BATCH).await?;
    for id in due {
        match inbox::judge(&ctx.pool, id, ctx.adopt(), ctx.env()).await? {
            Judgement::Judged(outcome) => tracing::info!(event.id = %id, %outcome, "webhook judged late"),
            Judgement::AlreadyJudged => {}
            Judgement::Failed(error) => {
                tracing::error!(event.id = %id, error, "cannot judge a stored webhook; it will be tried again")
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::{
        event::{EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind},
        participant::{ObservedParticipant, ParticipantKind},
    };
    use serde_json::json;
    use sqlx::PgPool;
    use storage::events::NewEvent;

    use super::*;
    use crate::support::{ROOM, WorkerTest};

    const MAKE_DUE: &str = "UPDATE events SET judge_at = now() WHERE judge_at IS NOT NULL";

    /// Stores the event of somebody who joins, as a server does that is killed before it judges it.
    async fn store_joined(test: &WorkerTest, identity: &str) {
        let event = PlatformEvent {
            key: EventKey {
                platform: PlatformKind::Livekit,
                id: format!("EV_{identity}"),
            },
            name: "participant_joined".to_owned(),
            occurred_at: test.now(),
            room: Some(EventRoom {
                name: Some(ROOM.to_owned()),
                key: "RM_1".into(),
                session: None,
                created_at: Some(test.now()),
            }),
            kind: EventKind::ParticipantJoined(ObservedParticipant {
                sid: format!("PA_{identity}").as_str().into(),
                identity: identity.into(),
                display_name: String::new(),
                kind: ParticipantKind::Standard,
                joined_at: Some(test.now()),
            }),
        };
        let new = NewEvent {
            id: (test.ctx.ids)(),
            event: &event,
            received_at: test.now(),
            body: &json!({}),
        };
        let mut conn = test.ctx.conn().await.unwrap();
        storage::events::store(&mut conn, &new).await.unwrap();
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn an_event_that_the_server_did_not_judge_is_judged(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        store_joined(&test, "ada").await;

        test.execute(MAKE_DUE).await;
        judge_due(&test.ctx).await.unwrap();
        judge_due(&test.ctx).await.unwrap();

        assert_eq!(test.meeting().await.participants.len(), 1);
    }

    #[sqlx::test(migrator = "storage::pool::MIGRATOR")]
    async fn an_event_that_cannot_be_judged_is_kept_and_does_not_hold_up_others(pool: PgPool) {
        let test = WorkerTest::new(pool).await;
        store_joined(&test, "ada").await;
        test.execute("UPDATE events SET event = '{\"of\": \"a newer version\"}'")
            .await;
        store_joined(&test, "bob").await;

        test.execute(MAKE_DUE).await;
        judge_due(&test.ctx).await.unwrap();

        assert_eq!(test.meeting().await.participants[0].identity.as_str(), "bob");
        let kept: (String, String, i32) =
            sqlx::query_as("SELECT outcome, error, judgements FROM events WHERE judge_at IS NOT NULL")
                .fetch_one(&test.ctx.pool)
                .await
                .unwrap();
        assert_eq!((kept.0.as_str(), kept.2), ("failed", 1));
        assert!(kept.1.contains("events.event"), "{}", kept.1);
    }
}
