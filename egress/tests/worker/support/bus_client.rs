//! A client on the bus for requests that livekit-server never sends: a repeated egress id, malformed messages.

use futures::StreamExt;
use livekit_protocol::{DirectFileOutput, TrackEgressRequest, track_egress_request::Output};
use prost::Message;

use super::{EgressStack, ROOM, TIMEOUT};

/// The envelope around every message.
#[derive(Clone, PartialEq, Message)]
struct Envelope {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(string, tag = "1")]
    request_id: String,
    #[prost(string, tag = "2")]
    client_id: String,
    #[prost(int64, tag = "4")]
    expiry: i64,
    #[prost(bytes = "vec", tag = "8")]
    raw_request: Vec<u8>,
    /// Set by newer callers.
    #[prost(bool, tag = "9")]
    skip_claim: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct Response {
    #[prost(string, tag = "1")]
    pub request_id: String,
    #[prost(string, tag = "5")]
    pub error: String,
    #[prost(string, tag = "6")]
    pub code: String,
    #[prost(bytes = "vec", tag = "7")]
    pub raw_response: Vec<u8>,
}

/// An offer; its first two fields are a grant.
#[derive(Clone, PartialEq, Message)]
struct Claim {
    #[prost(string, tag = "1")]
    request_id: String,
    #[prost(string, tag = "2")]
    server_id: String,
    #[prost(float, tag = "3")]
    affinity: f32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Start {
    #[prost(string, tag = "1")]
    pub egress_id: String,
    #[prost(string, tag = "3")]
    pub room_id: String,
    #[prost(message, optional, tag = "7")]
    pub track: Option<TrackEgressRequest>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ActiveEgresses {
    #[prost(string, repeated, tag = "1")]
    pub egress_ids: Vec<String>,
}

/// Encodes a request to record a track into the configured store.
pub fn start(egress_id: &str, track_sid: &str) -> Vec<u8> {
    let file = DirectFileOutput {
        filepath: format!("{egress_id}.ogg"),
        ..Default::default()
    };
    let track = TrackEgressRequest {
        room_name: ROOM.into(),
        track_id: track_sid.into(),
        output: Some(Output::File(file)),
        ..Default::default()
    };
    Start {
        egress_id: egress_id.into(),
        room_id: String::new(),
        track: Some(track),
    }
    .encode_to_vec()
}

/// Calls a method of the workers and grants the first offer. Returns the response and the offered affinity.
pub async fn call(stack: &EgressStack, method: &str, raw_request: Vec<u8>) -> (Response, f32) {
    let client_id = format!("CLI_{:012x}", rand::random::<u32>());
    let (claims, responses) = (
        format!("EgressInternal|{client_id}|CLAIM"),
        format!("EgressInternal|{client_id}|RES"),
    );
    let client = redis::Client::open(stack.redis.url()).unwrap();
    let (mut sink, mut messages) = client.get_async_pubsub().await.unwrap().split();
    sink.subscribe(&[&claims, &responses]).await.unwrap();
    let expiry = chrono::Utc::now().timestamp_nanos_opt().unwrap() + 10_000_000_000;
    let request_id = format!("REQ_{:012x}", rand::random::<u32>());
    let request = Request {
        request_id,
        client_id: client_id.clone(),
        expiry,
        raw_request,
        skip_claim: true,
    };
    publish(
        stack,
        &format!("EgressInternal|{method}|REQ"),
        seal("Request", &request),
    )
    .await;
    let mut affinity = 0.0;
    let exchange = async {
        loop {
            let message = messages.next().await.unwrap();
            let value = Envelope::decode(message.get_payload_bytes()).unwrap().value;
            if message.get_channel_name() == responses {
                return Response::decode(value.as_slice()).unwrap();
            }
            let offer = Claim::decode(value.as_slice()).unwrap();
            affinity = offer.affinity;
            let grant = seal("ClaimResponse", &Claim { affinity: 0.0, ..offer });
            publish(stack, &format!("EgressInternal|{method}|RCLAIM"), grant).await;
        }
    };
    let response = tokio::time::timeout(TIMEOUT, exchange).await.unwrap();
    (response, affinity)
}

/// Publishes any payload.
pub async fn publish(stack: &EgressStack, channel: &str, payload: Vec<u8>) {
    let mut redis = stack.redis.connect().await;
    let () = redis::cmd("PUBLISH")
        .arg(channel)
        .arg(payload)
        .query_async(&mut redis)
        .await
        .unwrap();
}

fn seal(name: &str, message: &impl Message) -> Vec<u8> {
    let type_url = format!("type.googleapis.com/internal.{name}");
    Envelope {
        type_url,
        value: message.encode_to_vec(),
    }
    .encode_to_vec()
}
