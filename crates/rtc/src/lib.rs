//! A LiveKit client without libwebrtc: joins a room to receive audio packets as they are ([`subscriber`]) or to send
//! them at given times ([`publisher`]).
//!
//! The core is sans-IO: `signal` (what is said over the WebSocket), `sdp`, `peer` (WebRTC, the only place that names
//! str0m) and `connection` (the two together) take bytes and an `Instant` and give actions and deadlines. `driver` owns
//! the sockets and the runtime, and decides nothing.
//!
//! Left to others: order and loss of packets, files, clocks, which tracks to want, and when to give up a recording.
//! There is no TURN and no STUN gathering: the media server must be reachable by UDP or by its TCP port.

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
