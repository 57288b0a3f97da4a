//! Runs a task again after a panic.

use std::{fmt::Display, time::Duration};

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::metrics;

/// After this many panics a recording is no longer continued, but closed and stored as it is.
pub const MAX_CONTINUED: u32 = 3;

/// After this many panics the folder is left to the next process.
const MAX_PANICS: u32 = 6;

/// A session that ran for this long before its panic has earned all attempts again.
const STABLE_AFTER: Duration = Duration::from_secs(300);

/// Runs `run(first)` in its own task. After a panic or an error it runs what `reopen` returns, which is given the number of
/// panics in a row. Returns `None` if that ended too often, or if `reopen` returned nothing.
pub async fn supervise<S, F, R, T, E>(
    egress_id: impl Display,
    first: S,
    run: impl Fn(S) -> F,
    reopen: impl Fn(u32) -> R,
) -> Option<T>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    R: Future<Output = Option<S>>,
    T: Send + 'static,
    E: Display + Send + 'static,
{
    let mut next = first;
    let mut panics = 0;
    while panics < MAX_PANICS {
        let began = Instant::now();
        let error = match AbortOnDropHandle::new(tokio::spawn(run(next))).await {
            Ok(Ok(outcome)) => return Some(outcome),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic.to_string(),
        };
        panics = panics_in_a_row(panics, began.elapsed());
        metrics::session_panicked();
        tracing::error!(egress.id = %egress_id, panics, "a session failed, and is continued from its folder: {error}");
        next = reopen(panics).await?;
    }
    tracing::error!(egress.id = %egress_id, "a session failed too often; its folder is left to the next process");
    None
}

fn panics_in_a_row(before: u32, ran_for: Duration) -> u32 {
    if ran_for < STABLE_AFTER { before + 1 } else { 1 }
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    async fn panics_until(run: u32, sound: u32) -> Result<u32, &'static str> {
        assert!(run >= sound, "this panic is part of the test");
        Ok(run)
    }

    #[tokio::test]
    async fn a_session_that_reports_an_error_is_replaced_too() {
        let run = |run| ready(if run == 0 { Err("the room is lost") } else { Ok(run) });

        let outcome = supervise("EG_1", 0, run, |panics| ready(Some(panics))).await;

        assert_eq!(outcome, Some(1));
    }

    #[test]
    fn panics_that_are_minutes_apart_are_not_added_up() {
        assert_eq!(panics_in_a_row(3, Duration::from_secs(1)), 4);
        assert_eq!(panics_in_a_row(3, STABLE_AFTER), 1);
    }

    #[tokio::test]
    async fn a_session_that_panics_is_replaced_by_one_from_its_folder() {
        let outcome = supervise("EG_1", 0, |run| panics_until(run, 2), |panics| ready(Some(panics))).await;

        assert_eq!(outcome, Some(2));
    }

    #[tokio::test]
    async fn a_session_that_always_panics_is_given_up() {
        let reopened = AtomicU32::new(0);

        let outcome = supervise(
            "EG_1",
            0,
            |run| panics_until(run, u32::MAX),
            async |panics| {
                reopened.store(panics, Ordering::Relaxed);
                Some(panics)
            },
        )
        .await;

        assert_eq!((outcome, reopened.into_inner()), (None, MAX_PANICS));
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_opened_again_is_left() {
        let outcome = supervise("EG_1", 0, |run| panics_until(run, 1), |_| ready(None)).await;

        assert_eq!(outcome, None);
    }
}
