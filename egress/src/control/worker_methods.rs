//! The RPC methods of the worker: LiveKit's `EgressInternal` service.

use std::{sync::Arc, time::Instant};

use chrono::Utc;
use livekit_protocol::EgressInfo;

use super::{
    admission::{Load, Refusal},
    start_request::{self, RequestContext},
    wire::{ListActiveEgressRequest, ListActiveEgressResponse, StartEgressRequest},
};
use crate::{
    config::StorageConfig,
    metrics,
    psrpc::{BusError, Code, Delivery, Handler, Method, Offer, RpcError, Server, Serving},
    room::Rooms,
    session::{RecordingSpec, Sessions},
    spool::Spool,
};

const SERVICE: &str = "EgressInternal";

/// `StartEgress`.
pub struct Start {
    pub sessions: Sessions,
    pub rooms: Rooms,
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
            recording: self.sessions.recording(),
            max_recordings: self.max_recordings,
            is_stopping: self.sessions.is_stopping(),
            space: self.spool.space().level,
            declines: self.declines,
        }
    }

    fn parse(&self, request: StartEgressRequest, received: Instant) -> Result<RecordingSpec, RpcError> {
        let context = RequestContext {
            storage: self.storage.as_ref(),
            now: Utc::now(),
            received,
        };
        start_request::parse(request, context)
    }

    fn judge(&self, request: &StartEgressRequest) -> Result<Offer, Refusal> {
        let load = self.load();
        match self.parse(request.clone(), Instant::now()) {
            Ok(spec) => load.offer(Ok(()), self.rooms.contains(&spec.meta.room_name, &spec.meta.room_sid)),
            Err(error) => load.offer(Err(reason(&error, load)), false),
        }
    }

    /// Starts a session. An offer may be granted after the state on which it was based has changed.
    async fn start(&self, request: StartEgressRequest, received: Instant) -> Result<EgressInfo, RpcError> {
        let is_known = self.sessions.contains(&request.egress_id);
        let spec = self.parse(request, received)?;
        if !is_known && self.load().refusal() == Some(Refusal::DiskLow) {
            let text = "the disk of this worker is almost full";
            return Err(RpcError::new(Code::ResourceExhausted, text));
        }
        self.sessions.start(spec, self.max_recordings).await
    }
}

/// Why a request was answered with an error.
fn reason(error: &RpcError, load: Load) -> Refusal {
    match error.code {
        Code::Unimplemented => Refusal::Unsupported,
        Code::InvalidArgument | Code::MalformedRequest => Refusal::Invalid,
        _ => load.refusal().unwrap_or(Refusal::NotStarted),
    }
}

impl Handler for Start {
    type Request = StartEgressRequest;
    type Response = EgressInfo;

    fn offer(&self, request: &StartEgressRequest) -> Option<Offer> {
        if self.sessions.contains(&request.egress_id) {
            // The request is repeated because our answer was late. No other worker should get it.
            return Some(Offer::NOW);
        }
        let offer = self.judge(request);
        offer.inspect_err(|refusal| metrics::refused(refusal.as_str())).ok()
    }

    async fn handle(&self, request: StartEgressRequest, received: Instant) -> Result<EgressInfo, RpcError> {
        let kind = request.request.as_ref().map_or("none", |request| request.kind());
        let egress_id = request.egress_id.clone();
        let started = self.start(request, received).await;
        if let Err(refusal) = &started {
            metrics::refused(reason(refusal, self.load()).as_str());
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

    async fn handle(&self, _request: ListActiveEgressRequest, _received: Instant) -> Result<Self::Response, RpcError> {
        Ok(ListActiveEgressResponse {
            egress_ids: self.sessions.active_ids(),
        })
    }
}
