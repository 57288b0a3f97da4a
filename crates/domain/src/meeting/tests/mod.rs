//! Tests of a meeting as a whole: events in, rows and jobs out.

mod event_order;
mod reconcile;
mod rules;
mod support;

pub use support::{Call, RoomStore};
