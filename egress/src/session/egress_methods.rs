//! The RPC methods of one egress: LiveKit's `EgressHandler` service, whose topic is the egress id.

use std::{sync::Arc, time::Instant};

use livekit_protocol::{EgressInfo, StopEgressRequest, UpdateStreamRequest};

use super::handle::SessionHandle;
use crate::psrpc::{BusError, Code, Delivery, Handler, Method, RpcError, Server, Serving};

const SERVICE: &str = "EgressHandler";

/// Keeps the methods of one egress served until it is dropped.
pub struct EgressMethods {
    _stop: Serving,
    _update_stream: Serving,
}

/// `StopEgress`.
struct Stop(SessionHandle);

/// `UpdateStream`.
struct UpdateStream;

/// Serves the methods of one egress. Returns once Redis has confirmed that a stop request would be received.
pub async fn serve_egress(server: &Server, handle: SessionHandle) -> Result<EgressMethods, BusError> {
    let topic = handle.egress_id().to_string();
    let method = |name| Method {
        service: SERVICE,
        name,
        topic: topic.clone(),
        delivery: Delivery::Queued,
    };
    let (stop, update_stream) = tokio::try_join!(
        server.serve(method("StopEgress"), Arc::new(Stop(handle))),
        server.serve(method("UpdateStream"), Arc::new(UpdateStream)),
    )?;
    Ok(EgressMethods {
        _stop: stop,
        _update_stream: update_stream,
    })
}

impl Handler for Stop {
    type Request = StopEgressRequest;
    type Response = EgressInfo;

    async fn handle(&self, _request: StopEgressRequest, _received: Instant) -> Result<EgressInfo, RpcError> {
        Ok(self.0.stop().await)
    }
}

impl Handler for UpdateStream {
    type Request = UpdateStreamRequest;
    type Response = EgressInfo;

    async fn handle(&self, _request: UpdateStreamRequest, _received: Instant) -> Result<EgressInfo, RpcError> {
        Err(RpcError::new(
            Code::InvalidArgument,
            "UpdateStream called on non-streaming egress",
        ))
    }
}
