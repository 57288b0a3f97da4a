//! Deliveries to a real receiver.

mod addresses;
mod answers;
mod crashes;
mod support;
