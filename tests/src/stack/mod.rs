//! All of Trackscribe for one test.

mod builder;
mod egress;
mod meeting;
mod role;

pub use builder::{Stack, StackBuilder};
