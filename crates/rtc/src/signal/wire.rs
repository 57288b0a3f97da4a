//! Frames of the signalling WebSocket: one protobuf message each, binary.

use livekit_protocol::{SignalRequest, SignalResponse, signal_request, signal_response};
use prost::{DecodeError, Message as _};

/// The largest frame we take. The list of a big room's participants and an offer of 150 tracks are 0.1 MB; this leaves
/// room without letting a server fill our memory.
pub(crate) const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// `Ok(None)`: a message of a later protocol, to be passed over.
pub(crate) fn decode(frame: &[u8]) -> Result<Option<signal_response::Message>, DecodeError> {
    SignalResponse::decode(frame).map(|response| response.message)
}

pub(crate) fn encode(message: signal_request::Message) -> Vec<u8> {
    SignalRequest { message: Some(message) }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use livekit_protocol::{LeaveRequest, signal_response::Message};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_of_a_later_protocol_is_nothing() {
        // Field 1000, wire type 2, three bytes.
        let frame = [0xc2, 0x3e, 3, b'a', b'b', b'c'];

        assert_eq!(decode(&frame), Ok(None));
    }

    #[test]
    fn a_cut_frame_is_an_error() {
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
        fn no_frame_makes_the_decoder_panic(frame in prop::collection::vec(any::<u8>(), 0..400)) {
            let _either_way = decode(&frame);
        }
    }
}
