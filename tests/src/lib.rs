//! The harness of the end-to-end tests: real servers, each test with its own, and what is needed to speak into a room
//! and to listen to what was recorded.
//!
//! [`stack`] starts programs and ends them; [`api`] calls our HTTP interface; [`audio`] makes sounds whose every sample
//! is known and finds them again in a decoded file. The tests themselves are in `tests/e2e`, and other crates use
//! single servers of [`stack`] for tests of their own.
//! A [`participant`] joins as people do, and its [`microphone`] sends all the time.
//!
//! PostgreSQL and the S3 store are shared by all tests and started by `scripts/test.sh`, which says where they are by
//! `DATABASE_URL` and `TRACKSCRIBE_TEST_S3_*`.

pub mod api;
pub mod audio;
pub mod microphone;
pub mod participant;
pub mod sdk;
pub mod stack;
mod wait;

pub use wait::wait_until;
