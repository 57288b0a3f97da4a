//! What tests stand on: sound, a Redis of their own, and a world with a meeting in it.

mod sound;
mod world;

pub use sound::{Tone, ogg, recorded, spoken};
pub use world::{World, eventually};
