//! Starts a client in a task.

use std::{collections::hash_map::RandomState, hash::BuildHasher, time::Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::{event_queue::EventQueue, run::Driver};
use crate::{
    client_core::ClientCore,
    config::ConnectConfig,
    error::JoinError,
    signal::{JoinPolicy, LocalParticipant},
};

/// A client that has joined its room.
pub(crate) struct RunningClient<C: ClientCore> {
    pub commands: mpsc::UnboundedSender<C::Command>,
    pub events: mpsc::Receiver<C::Event>,
    /// Closes when the client has ended and its sockets are closed.
    pub local: watch::Receiver<LocalParticipant>,
}

/// Spawns a task that runs the client of `new_core` and waits until it has joined. Dropping the returned future leaves the room.
pub(crate) async fn start<C: ClientCore>(
    new_core: impl FnOnce(Instant, JoinPolicy) -> C,
    config: ConnectConfig,
    event_capacity: usize,
) -> Result<RunningClient<C>, JoinError> {
    let policy = JoinPolicy {
        attempts: config.join_attempts,
        resume_after: config.resume_after,
        jitter_seed: RandomState::new().hash_one(config.url.as_str()),
    };
    let core = new_core(Instant::now(), policy);
    // Unbounded: commands are rare, and a handle must never wait for the network.
    let (commands, command_receiver) = mpsc::unbounded_channel();
    let (event_sender, events) = mpsc::channel(event_capacity);
    let (local_sender, local) = watch::channel(LocalParticipant::default());
    let (join_sender, join_result) = oneshot::channel();
    let driver = Driver::new(core, config, EventQueue::new(event_sender), local_sender, join_sender);
    // The task ends when all handles are dropped or the client has left, so it needs no tracker.
    tokio::spawn(driver.run(command_receiver));
    match join_result.await {
        Ok(Ok(())) => Ok(RunningClient {
            commands,
            events,
            local,
        }),
        Ok(Err(error)) => Err(error),
        Err(_closed) => Err(JoinError::ended_before_joining()),
    }
}
