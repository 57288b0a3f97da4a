//! The messages of psrpc and the envelope in which each is published.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;

/// The prefix of a message's full name in the envelope.
const TYPE_PREFIX: &str = "type.googleapis.com/";

/// Byte-compatible with `google.protobuf.Any`. Unknown fields are ignored.
#[derive(Clone, PartialEq, Message)]
struct Envelope {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// A call.
#[derive(Clone, PartialEq, Message)]
pub struct Request {
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// Part of the names of the caller's channels.
    #[prost(string, tag = "2")]
    pub client_id: String,
    /// Nanoseconds since 1970, by the caller's clock.
    #[prost(int64, tag = "3")]
    pub sent_at: i64,
    /// Nanoseconds since 1970, by the caller's clock.
    #[prost(int64, tag = "4")]
    pub expiry: i64,
    #[prost(bytes = "bytes", tag = "8")]
    pub raw_request: Bytes,
}

impl Request {
    /// How long the caller waits, from when it sent the request; `None` if that is no time.
    ///
    /// Only the caller's clock counts. Ours may be set to another time, and Redis delivers a message at once or never.
    pub fn window(&self) -> Option<Duration> {
        let nanos = u64::try_from(self.expiry.saturating_sub(self.sent_at)).ok()?;
        (nanos > 0).then_some(Duration::from_nanos(nanos))
    }
}

/// The response to a call. An empty `error` means success, whatever `code` is.
#[derive(Clone, PartialEq, Message)]
pub struct Response {
    #[prost(string, tag = "1")]
    pub request_id: String,
    #[prost(string, tag = "2")]
    pub server_id: String,
    #[prost(int64, tag = "3")]
    pub sent_at: i64,
    #[prost(string, tag = "5")]
    pub error: String,
    #[prost(string, tag = "6")]
    pub code: String,
    #[prost(bytes = "bytes", tag = "7")]
    pub raw_response: Bytes,
}

/// A server's offer to serve a call.
#[derive(Clone, PartialEq, Message)]
pub struct ClaimRequest {
    #[prost(string, tag = "1")]
    pub request_id: String,
    #[prost(string, tag = "2")]
    pub server_id: String,
    #[prost(float, tag = "3")]
    pub affinity: f32,
}

/// The caller's choice among the offers: a grant.
#[derive(Clone, PartialEq, Message)]
pub struct ClaimResponse {
    #[prost(string, tag = "1")]
    pub request_id: String,
    #[prost(string, tag = "2")]
    pub server_id: String,
}

/// A message with its full protobuf name.
pub trait Named: Message + Default {
    const NAME: &'static str;
}

macro_rules! named {
    ($($message:ident),*) => {
        $(impl Named for $message {
            const NAME: &'static str = concat!("internal.", stringify!($message));
        })*
    };
}

named!(Request, Response, ClaimRequest, ClaimResponse);

/// Why a payload is not the message that its channel carries. Such payloads are skipped, as in LiveKit's psrpc.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("a payload on the bus is not a psrpc message")]
    Malformed(#[from] prost::DecodeError),
    #[error("expected {expected} on this channel, found {found:?}")]
    Unexpected { expected: &'static str, found: String },
}

/// Encodes a message as the payload to publish.
pub fn seal<M: Named>(message: &M) -> Vec<u8> {
    let envelope = Envelope {
        type_url: format!("{TYPE_PREFIX}{}", M::NAME),
        value: Bytes::from(message.encode_to_vec()),
    };
    envelope.encode_to_vec()
}

/// Decodes the message in a payload.
pub fn open<M: Named>(payload: &Bytes) -> Result<M, OpenError> {
    let envelope = Envelope::decode(payload.clone())?;
    let found = envelope.type_url.rsplit('/').next().unwrap_or_default();
    if found != M::NAME {
        return Err(OpenError::Unexpected {
            expected: M::NAME,
            found: found.chars().take(64).collect(),
        });
    }
    Ok(M::decode(envelope.value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    }

    /// A length-delimited field.
    fn field(tag: &str, value: &str) -> Vec<u8> {
        let mut out = hex(tag);
        out.extend(value.as_bytes());
        out
    }

    fn start_request() -> Vec<u8> {
        [
            field("0a24", "type.googleapis.com/internal.Request"),
            hex("12 8401"),
            field("0a10", "REQ_AAAAAAAAAAAA"),
            field("1210", "CLI_BBBBBBBBBBBB"),
            hex("18 8080c0a5cdd5b1b618  20 80c8efc5f2d5b1b618  42 4a"),
            field("0a0f", "EG_abcdefghijkl"),
            field("1a0f", "RM_room12345678"),
            hex("3a26"),
            field("0a04", "room"),
            field("1208", "TR_AMxyz"),
            hex("1a14"),
            field("0a12", "rec/{track_id}.ogg"),
        ]
        .concat()
    }

    #[test]
    fn a_request_of_livekit_server_is_decoded_and_encoded_to_the_same_bytes() {
        let payload = start_request();

        let request: Request = open(&Bytes::from(payload.clone())).unwrap();

        assert_eq!(payload.len(), 173);
        assert_eq!(request.expiry - request.sent_at, 10_000_000_000);
        assert_eq!(
            (request.request_id.as_str(), request.client_id.as_str()),
            ("REQ_AAAAAAAAAAAA", "CLI_BBBBBBBBBBBB")
        );
        assert_eq!(request.raw_request, payload[99..]);
        assert_eq!(seal(&request), payload);
    }

    #[test]
    fn offers_and_grants_are_encoded_to_the_bytes_that_go_writes() {
        let (request_id, server_id) = ("REQ_AAAAAAAAAAAA".to_owned(), "SRV_CCCCCCCCCCCC".to_owned());
        let offer = ClaimRequest {
            request_id: request_id.clone(),
            server_id: server_id.clone(),
            affinity: 0.5,
        };
        let grant = ClaimResponse { request_id, server_id };
        let ids = [field("0a10", "REQ_AAAAAAAAAAAA"), field("1210", "SRV_CCCCCCCCCCCC")].concat();

        let (offer, grant) = (seal(&offer), seal(&grant));

        let type_url = field("0a29", "type.googleapis.com/internal.ClaimRequest");
        assert_eq!(offer, [type_url, hex("1229"), ids.clone(), hex("1d 0000003f")].concat());
        let type_url = field("0a2a", "type.googleapis.com/internal.ClaimResponse");
        assert_eq!(grant, [type_url, hex("1224"), ids].concat());
        assert_eq!((offer.len(), grant.len()), (86, 82));
    }

    #[test]
    fn an_error_response_carries_text_and_code() {
        let response = Response {
            request_id: "REQ_A".into(),
            error: "not enough CPU".into(),
            code: "unavailable".into(),
            ..Default::default()
        };

        let bytes = response.encode_to_vec();

        let expected = [
            field("0a05", "REQ_A"),
            field("2a0e", "not enough CPU"),
            field("320b", "unavailable"),
        ]
        .concat();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_field_of_a_newer_version_is_ignored() {
        let mut inner = Request {
            request_id: "REQ_A".into(),
            ..Default::default()
        }
        .encode_to_vec();
        inner.extend(hex("48 01")); // field 9: skip_claim
        let envelope = Envelope {
            type_url: "type.googleapis.com/internal.Request".into(),
            value: Bytes::from(inner),
        };

        let request: Request = open(&envelope.encode_to_vec().into()).unwrap();

        assert_eq!(request.request_id, "REQ_A");
    }

    #[test]
    fn malformed_payloads_are_refused_without_a_panic() {
        let good = start_request();
        for cut in 0..good.len() {
            let _either_way = open::<Request>(&Bytes::copy_from_slice(&good[..cut]));
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            let _either_way = open::<Request>(&Bytes::from(bad));
        }

        let endless = hex("0a ffffffffffffffffff01");
        let other = seal(&ClaimResponse::default());

        assert!(matches!(
            open::<Request>(&Bytes::from(endless)),
            Err(OpenError::Malformed(_))
        ));
        assert!(matches!(
            open::<Request>(&Bytes::from(other)),
            Err(OpenError::Unexpected { .. })
        ));
        assert!(open::<Request>(&Bytes::new()).is_err());
    }

    #[test]
    fn the_window_of_a_request_is_what_its_caller_says_whatever_our_clock_says() {
        let window = |sent_at, expiry| {
            let request = Request {
                sent_at,
                expiry,
                ..Default::default()
            };
            request.window().map(|window| window.as_secs())
        };

        assert_eq!(window(1_000_000_000, 11_000_000_000), Some(10));
        assert_eq!(window(5, 5), None);
        assert_eq!(window(0, i64::MIN), None);
        assert_eq!(window(i64::MIN, i64::MAX), Some(9_223_372_036));
    }
}
