//! Tests of Trackscribe from outside, one file for each behaviour. Each test has its own servers.

mod alignment;
mod customer_notified;
mod engine_process;
mod identities;
mod late_joiner;
mod left_over_files;
mod livekit_down;
mod lost_recorder;
mod lost_webhook;
mod muted_track;
mod official_sdk;
mod one_meeting;
mod one_origin;
mod own_bucket;
mod phantom_room;
mod prefix;
mod record_track;
mod redelivered_webhook;
mod redis_restarted;
mod servers;
mod stop_recording;
mod store_credentials;
mod two_workers;
mod video_track;
mod worker_pools;
