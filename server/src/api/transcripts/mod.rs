//! Transcripts of meetings.

pub mod get;

mod format;
#[cfg(test)]
mod tests;
