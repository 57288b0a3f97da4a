//! Runs a task again after a panic.

use std::fmt::Display;

use tokio_util::task::AbortOnDropHandle;

use crate::metrics;

/// After this many panics a recording is no longer continued, but closed and stored as it is.
pub const MAX_CONTINUED: u32 = 3;

/// After this many panics the folder is left to the next process.
const MAX_PANICS: u32 = 6;

/// Runs `run(first)` in its own task. After a panic it runs what `reopen` returns, which is given the number of panics.
/// Returns `None` if that ended too often, or if `reopen` returned nothing.
pub async fn supervise<S, F, R, T>(
    egress_id: impl Display,
    first: S,
    run: impl Fn(S) -> F,
    reopen: impl Fn(u32) -> R,
) -> Option<T>
where
    F: Future<Output = T> + Send + 'static,
    R: Future<Output = Option<S>>,
    T: Send + 'static,
{
    let mut next = first;
    for panics in 1..=MAX_PANICS {
        let outcome = AbortOnDropHandle::new(tokio::spawn(run(next))).await;
        let error = match outcome {
            Ok(outcome) => return Some(outcome),
            Err(error) => error,
        };
        metrics::session_panicked();
        tracing::error!(egress.id = %egress_id, panics, "a session failed, and is continued from its folder: {error}");
        next = reopen(panics).await?;
    }
    tracing::error!(egress.id = %egress_id, "a session failed too often; its folder is left to the next process");
    None
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    async fn panics_until(run: u32, sound: u32) -> u32 {
        assert!(run >= sound, "this panic is part of the test");
        run
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
