//! Test helpers: sound, and a worker whose room, platform and engine a test controls.

mod meeting;
mod recording;
mod sound;
mod worker_test;

pub use sound::{Tone, ogg, recorded, spoken};
pub use worker_test::{ROOM, WorkerTest, eventually};
