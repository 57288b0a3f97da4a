//! All of Trackscribe for one test.

mod builder;
mod egress;
mod meeting;
mod role;
mod running;

pub use builder::StackBuilder;
pub use running::Stack;
