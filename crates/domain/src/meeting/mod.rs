//! One meeting and everything that changes it.
//!
//! Every change is a pure function: the events of a platform ([`EventContext::apply`]), the platform's list of what is
//! live now ([`EventContext::reconcile`], [`Meeting::mark_unlisted`]) and the results of jobs
//! ([`Meeting::apply_report`] and the functions beside it). Each returns a [`Change`]: rows to write and jobs to queue
//! in one transaction. The order in which a meeting's events arrive, and how often, makes no difference to the result.

mod captures;
mod change;
mod completeness;
mod coverage;
mod event_context;
mod fact;
mod files;
mod find;
mod intervals;
mod job_results;
mod lifecycle;
mod participants;
mod reconcile;
mod reopen;
mod state;
mod tracks;

#[cfg(test)]
mod tests;

pub use change::{Change, Outcome};
pub use completeness::{Completeness, MissingInterval, MissingReason, PersonCompleteness, Sums, UnrecordedTrack};
pub(crate) use coverage::RECORDER_MAY_RETURN;
pub use event_context::EventContext;
pub use fact::{Fact, FactKind};
pub use find::Sighting;
pub use reconcile::{LiveParticipant, LiveRoom};
pub use reopen::CannotReopen;
pub use state::{Env, Meeting, MeetingHead, MeetingState};
