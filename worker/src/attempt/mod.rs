//! One attempt at a job: claims it, renews the lease, runs it and stores the outcome.

mod outcome;
mod run;
mod started;

pub use run::{LEASE, run};
pub use started::Attempt;
