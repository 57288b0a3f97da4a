//! What was said in a meeting.

pub mod get;

mod format;
#[cfg(test)]
mod tests;
