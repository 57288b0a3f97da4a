//! Tests of the recorder in simulated time: made-up packets go in, and the file is read back packet by packet.

mod clock;
mod ends;
mod gaps;
mod holes;
mod hostile;
mod killed;
mod life;
mod pages;
mod resume;
#[cfg(feature = "decode")]
mod sound;
mod sources;
mod support;
