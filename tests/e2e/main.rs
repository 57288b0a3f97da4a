//! What Trackscribe does, seen from outside: a file a behaviour. Each test has its own servers.

mod late_joiner;
mod lost_webhook;
mod record_track;
mod redelivered_webhook;
mod servers;
