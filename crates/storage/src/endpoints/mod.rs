//! Endpoints: customers' webhook URLs, and the keys that sign what is sent there.

mod disable;
mod read;
mod secrets;
#[cfg(test)]
mod tests;
mod write;

pub use disable::disable;
pub(crate) use disable::{BATCH, WAS_DISABLED};
pub use read::{failing_for, find, list, lock};
pub use secrets::{add_secret, list_secrets};
pub use write::{delete, insert, save};
