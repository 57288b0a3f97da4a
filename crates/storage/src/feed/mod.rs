//! The feed: what happened, in one order, for live events and outgoing webhooks.
//!
//! A transaction that makes something true inserts its event (`insert`) without a position. [`publish`] gives positions
//! to committed events, one transaction at a time, which holds the lock of the table's head until it commits. So positions
//! have no gaps and become visible in their order: a reader that has seen position n never misses an earlier one, however
//! late a transaction commits. Inserting needs one statement, no lock and no notification, because PostgreSQL makes
//! transactions that notify commit one after another.

mod insert;
mod listen;
mod publish;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use insert::insert;
pub use listen::Published;
pub use publish::{prune, publish};
pub use read::{FeedFilter, FeedHead, FeedWindow, head, read};
