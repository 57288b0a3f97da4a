//! The harness of the end-to-end tests, which are in `tests/e2e`.
//!
//! [`stack::Stack`] runs all of Trackscribe for one test: PostgreSQL database, Redis, livekit-server, object store and
//! the three roles as processes. [`api`] calls its HTTP API. Servers, participants and sounds come from `test-support`.
//!
//! `scripts/test.sh` starts the PostgreSQL and the S3 server that all tests share, and names them in `DATABASE_URL` and
//! `TRACKSCRIBE_TEST_S3_*`.

pub mod api;
pub mod sdk;
pub mod stack;
