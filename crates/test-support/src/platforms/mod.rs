//! Fakes of the APIs of hosted platforms, for which no account can be used in tests. They check what they are sent, keep
//! rooms, people and recordings, give the documented answers and errors, and send signed webhooks.

mod controls;
pub mod daily;
mod delivery;
mod fields;
mod request_log;
mod script;
mod serve;
pub mod whereby;

pub use controls::Controls;
pub use delivery::{Delivery, Sent};
pub use script::Scripted;
