//! The Daily adapter: its REST API, signed webhooks and raw tracks.

mod adapter;
mod admit;
mod capture;
mod client;
mod config;
mod event;
mod guard;
mod join;
mod live;
mod missed;
mod presence;
mod recording;
mod report;
mod room;
mod track_key;
mod verify;
mod webhook;
mod wire;

pub use adapter::Daily;
pub use client::{DEFAULT_API_URL, DailyClient};
pub use config::{DailyConfig, DailyConfigError};
pub use join::{MeetingToken, user_id};
pub use presence::{Attendance, DailyMeeting, Present};
pub use recording::{CaptureLimits, DailyRecording, RecordingStatus, RecordingTrack, instance_id};
pub use room::{DailyRoom, NewRoom, RecordingsBucket};
pub use track_key::{TrackKey, TrackMedia};
pub use verify::{Authentic, BadSecret, WebhookSecret, verify};
pub use webhook::{DailyWebhook, EVENT_TYPES, NewWebhook, WebhookState};
