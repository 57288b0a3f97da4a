//! Writes `state.json` without making the session wait for the disk.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::SavedState;
use crate::spool::EgressFolder;

/// The pause after a failed write: the disk may be full.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The longest wait for the disk before something that the state says is reported. An idle disk needs milliseconds. A
/// disk that is full or stalls must not keep an egress from ending.
const SAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// The state of one session and its file. Changes are written in the background, the newest one only.
pub struct StateFile {
    current: watch::Sender<Revision>,
    saved: watch::Receiver<u64>,
    _writer: AbortOnDropHandle<()>,
}

struct Revision {
    number: u64,
    state: SavedState,
}

impl StateFile {
    /// Keeps `state` in `folder`. Nothing is written before the first update.
    pub fn new(folder: EgressFolder, state: SavedState) -> Self {
        let (current, revisions) = watch::channel(Revision { number: 0, state });
        let (saved_sender, saved) = watch::channel(0);
        let writer = tokio::spawn(write(folder, revisions, saved_sender));
        Self {
            current,
            saved,
            _writer: AbortOnDropHandle::new(writer),
        }
    }

    pub fn get(&self) -> SavedState {
        self.current.borrow().state.clone()
    }

    /// Changes the state and queues it for writing.
    pub fn update<T>(&self, change: impl FnOnce(&mut SavedState) -> T) -> T {
        let mut outcome = None;
        self.current.send_modify(|revision| {
            revision.number += 1;
            outcome = Some(change(&mut revision.state));
        });
        outcome.expect("the closure was called")
    }

    /// Waits until every change is on stable storage, at most [`SAVE_TIMEOUT`].
    ///
    /// # Panics
    /// When the task that writes has panicked: the session fails with it, and another one begins from the folder.
    pub async fn saved(&self) {
        let newest = self.current.borrow().number;
        let mut saved = self.saved.clone();
        let written = timeout(SAVE_TIMEOUT, saved.wait_for(|number| *number >= newest)).await;
        assert!(
            !matches!(written, Ok(Err(_))),
            "the task that saves the state of an egress failed"
        );
    }
}

async fn write(folder: EgressFolder, mut revisions: watch::Receiver<Revision>, saved: watch::Sender<u64>) {
    while revisions.changed().await.is_ok() {
        loop {
            let (number, state) = {
                let revision = revisions.borrow_and_update();
                (revision.number, revision.state.clone())
            };
            let Err(error) = folder.save_state(&state).await else {
                saved.send_replace(number);
                break;
            };
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot save the state of an egress; trying again"
            );
            sleep(RETRY_PAUSE).await;
        }
    }
}
