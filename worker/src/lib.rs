//! The worker: takes jobs, turns recordings into one transcript, and looks for what no webhook told us.

pub mod backoff;
pub mod engine;
pub mod pipeline;
#[cfg(test)]
mod testing;
