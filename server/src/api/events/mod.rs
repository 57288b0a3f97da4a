//! Live events: the feed as server-sent events.
//!
//! One task per server ([`Feed`]) reads what is published and hands it to all clients. Positions have no gaps, so a client
//! that was handed nothing for a while sees from the next position that it has missed some, and reads them from the
//! database.

mod client;
mod feed;
mod frame;
mod query;
pub mod stream;
#[cfg(test)]
mod tests;

pub use feed::Feed;
