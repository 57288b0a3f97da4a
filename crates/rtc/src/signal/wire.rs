//! Frames of the signalling WebSocket: each is one binary protobuf message.

use livekit_protocol::{SignalRequest, SignalResponse, signal_request, signal_response};
use prost::{DecodeError, Message as _};

/// The largest frame accepted. The participants of a large room and an offer with 150 tracks take 0.1 MB each; this
/// leaves a margin without letting a server exhaust memory.
pub(crate) const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// Decodes a frame. Returns `Ok(None)` for a message of a newer protocol version, which is to be ignored.
pub(crate) fn decode(frame: &[u8]) -> Result<Option<signal_response::Message>, DecodeError> {
    SignalResponse::decode(frame).map(|response| response.message)
}

/// Encodes a message as a frame.
pub(crate) fn encode(message: signal_request::Message) -> Vec<u8> {
    SignalRequest { message: Some(message) }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use livekit_protocol::{LeaveRequest, signal_response::Message};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_of_a_newer_protocol_version_is_ignored() {
        // Field 1000, wire type 2, three bytes.
        let frame = [0xc2, 0x3e, 3, b'a', b'b', b'c'];

        assert_eq!(decode(&frame), Ok(None));
    }

    #[test]
    fn a_truncated_frame_is_an_error() {
        let whole = SignalResponse {
            message: Some(Message::Leave(LeaveRequest {
                reason: 5,
                ..Default::default()
            })),
        }
        .encode_to_vec();

        assert!(decode(&whole).unwrap().is_some());
        assert!(decode(&whole[..whole.len() - 1]).is_err());
    }

    proptest! {
        #[test]
        fn no_frame_makes_decoding_panic(frame in prop::collection::vec(any::<u8>(), 0..400)) {
            let _either_way = decode(&frame);
        }
    }
}
