//! Engines in child processes: a crash, a leak or a hang of an engine costs a few attempts at one chunk, and nothing else.
//!
//! The child is this program again, with the hidden subcommand `engine-host`. It reads requests from standard input and
//! answers on standard output (`protocol`); it limits its own memory and priority before it loads the engine (`serve`).
//! [`HostedEngine`] starts as many children as chunks are transcribed at once, and replaces those that end.

mod child;
mod hosted;
mod protocol;
mod serve;
#[cfg(test)]
mod tests;

pub use child::HostCommand;
pub use hosted::HostedEngine;
pub use protocol::{Load, LoadEngine};
pub use serve::serve;
