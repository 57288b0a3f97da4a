//! What platforms with a REST API share: the HTTP client, its rate limits and its errors.

mod bucket;
mod client;
mod error;
mod gone;
mod limiter;

pub use bucket::Limit;
pub use client::{Api, Call, Cost};
pub use error::{Answer, Failure, InvalidUrl};
pub use gone::{gone_is_deleted, gone_is_none};
pub use limiter::Limiter;
