//! The interface between the sans-IO cores of subscriber and publisher and whatever runs them.

use std::time::Instant;

use crate::{
    error::JoinError,
    rtc_engine::{IoAction, RtcEngine},
    signal::LocalParticipant,
};

/// A subscriber or a publisher without IO: inputs and the time go in through methods, outputs are polled.
///
/// After every call, poll outputs until [`ClientOutput::Wait`] or [`ClientOutput::Done`], and carry out each output
/// before polling the next.
pub(crate) trait ClientCore: Send + 'static {
    /// What the handles request.
    type Command: Send + 'static;
    /// What the user of the handle receives.
    type Event: Send + 'static;

    /// Returns the engine, which takes the inputs from the sockets.
    fn engine(&mut self) -> &mut RtcEngine;
    /// Executes a command of a handle.
    fn handle_command(&mut self, now: Instant, command: Self::Command);
    /// Leaves the room because all handles were dropped.
    fn handle_abandoned(&mut self);
    /// Does what is due. Call it at the time that [`ClientOutput::Wait`] names; earlier calls are harmless.
    fn handle_timeout(&mut self, now: Instant);
    /// Returns the next output.
    fn poll_output(&mut self, now: Instant) -> ClientOutput<Self::Event>;
    /// Returns whether an event may be dropped if its reader is too slow.
    fn is_droppable(event: &Self::Event) -> bool;
    /// Returns the event that reports dropped events, if there is one.
    fn dropped(dropped: DroppedEvents) -> Option<Self::Event>;
}

/// Events that were dropped because their reader is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DroppedEvents {
    pub count: u64,
    /// When the first was dropped.
    pub from: Instant,
    /// When the last was dropped.
    pub until: Instant,
}

/// An output of a [`ClientCore`].
#[derive(Debug)]
pub(crate) enum ClientOutput<E> {
    /// Do this on the sockets.
    Io(IoAction),
    /// Give this to the user of the handle.
    Event(E),
    /// The join succeeded.
    Joined(LocalParticipant),
    /// The join failed. `Done` follows.
    JoinFailed(JoinError),
    /// Nothing to do until there is an input, or until this time if it is `Some`.
    Wait(Option<Instant>),
    /// The client has ended. Nothing follows.
    Done,
}
