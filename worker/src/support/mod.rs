//! What tests stand on: sound, a Redis of their own, and a world with a meeting in it.

mod sound;
mod worker_test;

pub use sound::{Tone, ogg, recorded, spoken};
pub use worker_test::{WorkerTest, eventually};
