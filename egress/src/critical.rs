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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Runs an ignored test in a process of its own. Returns its exit status and what it printed.
    fn in_a_process(test: &str) -> (Option<i32>, String) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            &format!("critical::tests::{test}"),
            "--exact",
            "--ignored",
            "--nocapture",
        ]);
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }

    #[test]
    #[ignore = "ends its process; run by another test"]
    fn a_thread_panics() {
        run("a thread", || panic!("this panic is part of a test"));
    }

    #[tokio::test]
    #[ignore = "ends its process; run by another test"]
    async fn a_task_panics() {
        let task = spawn("a task", async { panic!("this panic is part of a test") });
        task.await.unwrap();
    }

    #[test]
    fn a_panic_ends_the_process_at_once() {
        for test in ["a_thread_panics", "a_task_panics"] {
            let (status, printed) = in_a_process(test);

            assert_eq!(status, Some(EXIT_STATUS), "{printed}");
            assert!(printed.contains("running 1 test"), "{printed}");
            assert!(!printed.contains("test result"), "the process went on: {printed}");
        }
    }

    #[tokio::test]
    async fn what_does_not_panic_returns_its_outcome() {
        assert_eq!(spawn("a task", async { 7 }).await.unwrap(), Some(7));
    }
}
