//! Deliveries: messages to customers' endpoints. A row is the delivery, its place in the queue, and its line in the ledger.
//!
//! Publishing the feed adds a delivery for every enabled endpoint that wants the event, in the same transaction
//! (`fan_out`), so none is lost. A worker claims due deliveries by a lease ([`claim_due`]); the token of the latest claim
//! decides whose result counts. These are not rows of `jobs`, because a queue of jobs serves the oldest first, and here one
//! slow endpoint must not hold up the others.

mod claim;
mod fan_out;
mod list;
mod outcome;
mod replay;
#[cfg(test)]
mod tests;

pub use claim::{ClaimLimits, ClaimedDelivery, DeliveryLease, claim_due};
pub(crate) use fan_out::fan_out;
pub use list::{Delivery, DeliveryFilter, find, list};
pub use outcome::{AttemptRecord, deliver, fail, fail_disabled, retry};
pub use replay::{insert_test, replay, replay_failed};
