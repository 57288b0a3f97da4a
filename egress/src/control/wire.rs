//! Messages of LiveKit's `rpc` package that `livekit-protocol` does not contain.

use livekit_protocol as proto;
use prost::{Message, Oneof};

/// A request of livekit-server to a worker. Fields that only LiveKit Cloud sets are omitted, except those that are
/// refused.
#[derive(Clone, PartialEq, Message)]
pub struct StartEgressRequest {
    #[prost(string, tag = "1")]
    pub egress_id: String,
    #[prost(string, tag = "3")]
    pub room_id: String,
    /// Set by LiveKit Cloud only.
    #[prost(string, tag = "8")]
    pub token: String,
    /// Set by LiveKit Cloud only.
    #[prost(string, tag = "9")]
    pub ws_url: String,
    #[prost(int32, tag = "15")]
    pub retry_count: i32,
    #[prost(oneof = "start_egress_request::Request", tags = "5, 6, 7, 11, 13, 16")]
    pub request: Option<start_egress_request::Request>,
}

pub mod start_egress_request {
    use super::{Oneof, proto};

    #[derive(Clone, PartialEq, Oneof)]
    pub enum Request {
        #[prost(message, tag = "5")]
        RoomComposite(proto::RoomCompositeEgressRequest),
        #[prost(message, tag = "6")]
        TrackComposite(proto::TrackCompositeEgressRequest),
        #[prost(message, tag = "7")]
        Track(proto::TrackEgressRequest),
        #[prost(message, tag = "11")]
        Web(proto::WebEgressRequest),
        #[prost(message, tag = "13")]
        Participant(proto::ParticipantEgressRequest),
        #[prost(message, tag = "16")]
        Egress(proto::StartEgressRequest),
    }

    impl Request {
        /// The name of the kind in logs, metrics and errors.
        pub fn kind(&self) -> &'static str {
            match self {
                Self::RoomComposite(_) => "room_composite",
                Self::TrackComposite(_) => "track_composite",
                Self::Track(_) => "track",
                Self::Web(_) => "web",
                Self::Participant(_) => "participant",
                Self::Egress(_) => "egress",
            }
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct ListActiveEgressRequest {}

#[derive(Clone, PartialEq, Message)]
pub struct ListActiveEgressResponse {
    #[prost(string, repeated, tag = "1")]
    pub egress_ids: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_request_of_livekit_server_is_read() {
        let bytes = b"\x0a\x0fEG_abcdefghijkl\x1a\x0fRM_room12345678\
            \x3a\x26\x0a\x04room\x12\x08TR_AMxyz\x1a\x14\x0a\x12rec/{track_id}.ogg";

        let start = StartEgressRequest::decode(bytes.as_slice()).unwrap();

        assert_eq!(
            (start.egress_id.as_str(), start.room_id.as_str()),
            ("EG_abcdefghijkl", "RM_room12345678")
        );
        let Some(start_egress_request::Request::Track(track)) = start.request else {
            panic!("no track request")
        };
        assert_eq!(
            (track.room_name.as_str(), track.track_id.as_str()),
            ("room", "TR_AMxyz")
        );
    }
}
