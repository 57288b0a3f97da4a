//! Tasks and threads that every recording needs. If one of them panics, the process ends at once: its supervisor starts it
//! again, and the next process continues all recordings from the spool. A worker that went on without it would say that it
//! records, and lose everything.

use std::{panic::AssertUnwindSafe, process};

use futures::FutureExt;
use tokio::task::JoinHandle;

/// The exit status of a program that panicked.
const EXIT_STATUS: i32 = 101;

/// Spawns a task that must not panic.
pub fn spawn<F>(name: &'static str, task: F) -> JoinHandle<Option<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(async move { caught(AssertUnwindSafe(task).catch_unwind().await, || end_process(name)) })
}

/// Runs the whole of a thread that must not panic.
pub fn run(name: &'static str, thread: impl FnOnce()) {
    caught(std::panic::catch_unwind(AssertUnwindSafe(thread)), || end_process(name));
}

/// Returns the outcome of what did not panic. The panic's message has been printed.
fn caught<T>(outcome: std::thread::Result<T>, panicked: impl FnOnce()) -> Option<T> {
    match outcome {
        Ok(outcome) => Some(outcome),
        Err(_) => {
            panicked();
            None
        }
    }
}

/// Skips all destructors: they would wait for what is gone.
fn end_process(name: &str) {
    tracing::error!(
        "{name} panicked, and no recording can go on without it; ending the process, so that the next one continues"
    );
    process::exit(EXIT_STATUS);
}
