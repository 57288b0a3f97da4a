//! Sends messages to customers' endpoints, as Standard Webhooks describes.
//!
//! [`Courier`] claims due deliveries from the database and sends each in a task of its own; a task ends after
//! [`ATTEMPT_TIMEOUT`](client::ATTEMPT_TIMEOUT) at the latest. A message is sent at least once: a worker that is killed
//! after it was received sends it again, with the same `webhook-id`. Messages are not sent in the order of the events.

mod attempt;
mod backoff;
mod client;
mod resolve;
mod retry_after;
mod run;
mod sign;
#[cfg(test)]
mod tests;

pub use client::DeliveryClient;
pub use run::Courier;
