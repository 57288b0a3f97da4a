//! A LiveKit client for audio without libwebrtc.
//!
//! [`subscriber`] joins a room and delivers the RTP packets of its tracks as they arrive. [`publisher`] joins a room and
//! sends Opus frames at given times.
//!
//! The core is sans-IO: `signal` (the signalling protocol), `sdp`, `peer` (WebRTC, the only module that names str0m),
//! `rtc_engine` (both together) and the cores of subscriber and publisher take inputs and an `Instant`, and return
//! outputs and deadlines. `driver` runs them with sockets, clock and tokio, and makes no decisions.
//!
//! Left to others: packet order and loss, files, wall-clock time, which tracks to subscribe to, and whether to join
//! again after the connection is lost: the room may be gone, and joining would create it again. There is no TURN and no STUN gathering: the media server must be reachable over UDP or on its TCP port.

#![warn(missing_docs)]

mod client_core;
mod config;
mod driver;
mod error;
mod ids;
mod packet;
mod peer;
mod publish_only_token;
pub mod publisher;
mod rtc_engine;
mod sdp;
mod signal;
#[doc(hidden)]
pub mod simulate;
pub mod subscriber;
pub mod token;
mod track_info;

pub use config::{BindAddr, ConnectConfig, TokenSource};
pub use error::{BoxError, JoinError, LeaveReason, SubscriptionError};
pub use ids::{ParticipantSid, RoomSid, SeqNo, Ssrc, TrackSid};
pub use packet::{RtpPacket, SenderReport};
pub use track_info::{ParticipantKind, TrackInfo, TrackKind, TrackSource};
