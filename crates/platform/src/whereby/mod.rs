//! The Whereby adapter: its REST API, signed webhooks and cloud recordings.

mod adapter;
mod admit;
mod client;
mod config;
mod event;
mod file_name;
mod insights;
mod list;
mod live;
mod recording;
mod report;
mod role;
mod room;
mod verify;
mod wire;

pub use adapter::Whereby;
pub use client::{DEFAULT_API_URL, DEFAULT_POINTS_PER_MINUTE, WherebyClient};
pub use config::{WherebyConfig, WherebyConfigError};
pub use file_name::RecordingFileName;
pub use insights::{Attendee, RoomSession};
pub use recording::WherebyRecording;
pub use role::WherebyRole;
pub use room::{FileFormat, NewMeeting, RecordingTarget, WherebyMeeting};
pub use verify::verify;
