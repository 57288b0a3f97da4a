//! Outputs of the signalling client, in order.

use std::collections::VecDeque;

use super::events::{SignalEvent, SignalOutput};

/// Queues outputs, and holds back events until it is clear that we are in the right room.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    outputs: VecDeque<SignalOutput>,
    held: Vec<SignalEvent>,
}

impl Outbox {
    pub fn push(&mut self, output: SignalOutput) {
        self.outputs.push_back(output);
    }

    pub fn emit(&mut self, event: SignalEvent) {
        self.push(SignalOutput::Event(event));
    }

    /// Keeps an event until [`Self::release_held`].
    pub fn hold(&mut self, event: SignalEvent) {
        self.held.push(event);
    }

    pub fn discard_held(&mut self) {
        self.held.clear();
    }

    pub fn release_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.outputs.extend(held.into_iter().map(SignalOutput::Event));
    }

    pub fn poll(&mut self) -> Option<SignalOutput> {
        self.outputs.pop_front()
    }
}
