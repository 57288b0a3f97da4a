//! All of Trackscribe for one test.

mod builder;
mod meeting;
mod role;

pub use builder::{Stack, StackBuilder};
