//! What tests stand on: sound, a Redis of their own, and a world with a meeting in it.

mod redis;
mod sound;
mod world;

pub use redis::RedisServer;
pub use sound::{Tone, ogg, recorded, spoken, words_right};
pub use world::{World, eventually};
