//! What was published in a meeting, what of it was recorded, and why the rest was not.
//!
//! For each track that should be recorded, `track` subtracts what the recorders heard from the time in which the track was
//! published, and `cause` finds the reason of each remaining stretch. `report` adds this up for people and for the
//! transcript.

mod cause;
mod report;
mod track;

#[cfg(test)]
mod tests;

pub use cause::MissingReason;
pub use report::{Completeness, MissingInterval, PersonCompleteness, Sums, UnrecordedTrack};
