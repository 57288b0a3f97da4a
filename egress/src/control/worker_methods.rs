//! The RPC methods of the worker: LiveKit's `EgressInternal` service.

use std::{sync::Arc, time::Instant};

use chrono::Utc;
use livekit_protocol::EgressInfo;

use super::{
    admission::{self, Load},
    start_request::{self, RequestContext},
    wire::{ListActiveEgressRequest, ListActiveEgressResponse, StartEgressRequest},
};
use crate::{
    config::StorageConfig,
    metrics,
    psrpc::{BusError, Delivery, Handler, Method, RpcError, Server, Serving},
    session::Sessions,
    spool::{SpaceLevel, Spool},
};

const SERVICE: &str = "EgressInternal";

/// `StartEgress`.
pub struct Start {
    pub sessions: Sessions,
    pub spool: Spool,
    pub storage: Option<StorageConfig>,
    pub max_recordings: usize,
    pub declines: bool,
}

/// `ListActiveEgress`.
pub struct List {
    pub sessions: Sessions,
}

/// Keeps the worker's methods served until it is dropped.
pub struct WorkerMethods {
    _start: Serving,
    _list: Serving,
}

/// Serves the worker's methods. From here on it receives requests.
pub async fn serve_worker(server: &Server, start: Start) -> Result<WorkerMethods, BusError> {
    let list = List {
        sessions: start.sessions.clone(),
    };
    let method = |name, delivery| Method {
        service: SERVICE,
        name,
        topic: String::new(),
        delivery,
    };
    let list = server
        .serve(method("ListActiveEgress", Delivery::AllServers), Arc::new(list))
        .await?;
    let start = server
        .serve(method("StartEgress", Delivery::Granted), Arc::new(start))
        .await?;
    Ok(WorkerMethods {
        _start: start,
        _list: list,
    })
}

impl Start {
    fn load(&self) -> Load {
        Load {
            running: self.sessions.recording(),
            is_disk_low: self.spool.space().level != SpaceLevel::Enough,
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
        if self.sessions.contains(&request.egress_id) {
            // The request is repeated because our answer was late. No other worker should get it.
            return Some(1.0);
        }
        admission::affinity(request.request.as_ref(), self.load())
    }

    async fn handle(&self, request: StartEgressRequest, received: Instant) -> Result<EgressInfo, RpcError> {
        let kind = request.request.as_ref().map_or("none", |request| request.kind());
        let egress_id = request.egress_id.clone();
        let context = RequestContext {
            storage: self.storage.as_ref(),
            now: Utc::now(),
            received,
        };
        let started = match start_request::parse(request, context) {
            Ok(spec) => self.sessions.start(spec, self.max_recordings).await,
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
