//! What livekit-server may ask: start, list; and of each egress: stop, update its streams.

use std::{sync::Arc, time::Instant};

use chrono::Utc;
use livekit_protocol::{EgressInfo, StopEgressRequest, UpdateStreamRequest};

use super::{
    admission::{self, Load},
    order::{Order, Receipt},
    wire::{ListActiveEgressRequest, ListActiveEgressResponse, StartEgressRequest},
};
use crate::{
    config::StorageConfig,
    metrics,
    psrpc::{BusError, Code, Delivery, Handler, Method, RpcError, Server, Serving},
    session::{SessionHandle, Sessions},
};

/// The service of all workers.
const WORKERS: &str = "EgressInternal";

/// The service of one egress.
const ONE_EGRESS: &str = "EgressHandler";

/// `StartEgress`.
pub struct Start {
    pub sessions: Sessions,
    pub storage: Option<StorageConfig>,
    pub max_recordings: usize,
    pub declines: bool,
}

/// `ListActiveEgress`.
pub struct List {
    pub sessions: Sessions,
}

/// `StopEgress` of one egress.
struct Stop(SessionHandle);

/// `UpdateStream` of one egress.
struct UpdateStream;

/// Keeps the methods of one egress served.
pub struct EgressMethods {
    _stop: Serving,
    _update_stream: Serving,
}

/// Keeps the worker's methods served.
pub struct WorkerMethods {
    _start: Serving,
    _list: Serving,
}

/// Serves what is asked of the worker; from here on requests come in.
pub async fn serve_worker(server: &Server, start: Start) -> Result<WorkerMethods, BusError> {
    let list = List {
        sessions: start.sessions.clone(),
    };
    let method = |name, delivery| Method {
        service: WORKERS,
        name,
        topic: String::new(),
        delivery,
    };
    let list = server
        .serve(method("ListActiveEgress", Delivery::Everybody), Arc::new(list))
        .await?;
    let start = server
        .serve(method("StartEgress", Delivery::Chosen), Arc::new(start))
        .await?;
    Ok(WorkerMethods {
        _start: start,
        _list: list,
    })
}

/// Serves what is asked of one egress; returns once a stop would be heard.
pub async fn serve_egress(server: &Server, handle: SessionHandle) -> Result<EgressMethods, BusError> {
    let topic = handle.egress_id().to_string();
    let method = |name| Method {
        service: ONE_EGRESS,
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

impl Start {
    fn load(&self) -> Load {
        Load {
            running: self.sessions.running(),
            max_recordings: self.max_recordings,
            is_stopping: self.sessions.is_stopping(),
            declines: self.declines,
        }
    }
}

impl Handler for Start {
    type Request = StartEgressRequest;
    type Response = EgressInfo;

    fn affinity(&self, request: &StartEgressRequest) -> Option<f32> {
        if self.sessions.knows(&request.egress_id) {
            // A repetition of a request whose answer was late: nobody else should take it.
            return Some(1.0);
        }
        admission::affinity(request.request.as_ref(), self.load())
    }

    async fn handle(&self, request: StartEgressRequest, received: Instant) -> Result<EgressInfo, RpcError> {
        let kind = request.request.as_ref().map_or("none", |request| request.kind());
        let egress_id = request.egress_id.clone();
        let receipt = Receipt {
            storage: self.storage.as_ref(),
            now: Utc::now(),
            received,
        };
        let started = match Order::parse(request, receipt) {
            Ok(order) => self.sessions.start(order, self.max_recordings).await,
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = &started {
            metrics::refused(kind);
            tracing::warn!(
                egress.id = egress_id,
                kind,
                code = refusal.code.as_str(),
                "refused a request: {refusal}"
            );
        }
        started
    }
}

impl Handler for List {
    type Request = ListActiveEgressRequest;
    type Response = ListActiveEgressResponse;

    fn affinity(&self, _request: &ListActiveEgressRequest) -> Option<f32> {
        Some(1.0)
    }

    async fn handle(&self, _request: ListActiveEgressRequest, _received: Instant) -> Result<Self::Response, RpcError> {
        Ok(ListActiveEgressResponse {
            egress_ids: self.sessions.active_ids(),
        })
    }
}

impl Handler for Stop {
    type Request = StopEgressRequest;
    type Response = EgressInfo;

    fn affinity(&self, _request: &StopEgressRequest) -> Option<f32> {
        Some(1.0)
    }

    async fn handle(&self, _request: StopEgressRequest, _received: Instant) -> Result<EgressInfo, RpcError> {
        Ok(self.0.stop().await)
    }
}

impl Handler for UpdateStream {
    type Request = UpdateStreamRequest;
    type Response = EgressInfo;

    fn affinity(&self, _request: &UpdateStreamRequest) -> Option<f32> {
        Some(1.0)
    }

    async fn handle(&self, _request: UpdateStreamRequest, _received: Instant) -> Result<EgressInfo, RpcError> {
        Err(RpcError::new(
            Code::InvalidArgument,
            "UpdateStream called on non-streaming egress",
        ))
    }
}
