//! Tests of a meeting as a whole: events in, rows and jobs out.

mod attempts;
mod coverage;
mod event_order;
mod facts;
mod opening;
mod policy;
mod reconcile;
mod recordings;
mod reopen;
mod sessions;
mod support;
mod whole_meeting;
