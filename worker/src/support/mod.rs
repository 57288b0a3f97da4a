//! Test helpers: sound, and a worker whose room, platform and engine a test controls.

mod daily_test;
mod meeting;
mod recording;
mod sound;
mod worker_test;

pub use daily_test::DailyTest;
pub use sound::{Tone, ogg, recorded, spoken};
pub use worker_test::{ROOM, WorkerTest, eventually};
