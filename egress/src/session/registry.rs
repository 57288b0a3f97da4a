//! All sessions of this worker: one per egress id, however often it is requested.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::PlatformCaptureId as EgressId;
use futures::{StreamExt, stream};
use livekit_protocol::EgressInfo;
use tokio::time::sleep;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::{
    context::{Session, SessionContext},
    give_up::give_up,
    handle::SessionHandle,
    launch::{LeftEgress, begin, serve_again},
    seat::Seat,
    spec::RecordingSpec,
    supervise::{MAX_CONTINUED, supervise},
};
use crate::{
    metrics::{self, Occupancy},
    psrpc::{Code, RpcError},
    spool::UnfinishedEgress,
};

/// How long an ended egress is remembered: livekit-server repeats a stop for up to 15 s (3 + 5 + 7).
const KEEP_ENDED: Duration = Duration::from_secs(20);

/// Folders that are repaired at the same time: as many as a small machine has cores, each reads its whole audio.
const MAX_PARALLEL_REPAIRS: usize = 4;

/// How long the tasks of a session that panicked may take to let go of its folder.
const REOPEN_ATTEMPTS: u32 = 50;
const REOPEN_PAUSE: Duration = Duration::from_millis(20);

/// The sessions; clones share them.
#[derive(Clone)]
pub struct Sessions {
    inner: Arc<Inner>,
}

struct Inner {
    context: Arc<SessionContext>,
    /// Running, or ended less than [`KEEP_ENDED`] ago.
    handles: Mutex<HashMap<EgressId, SessionHandle>>,
    tasks: TaskTracker,
}

/// The session of a request.
enum Registered {
    New(Seat, SessionHandle),
    Existing(SessionHandle),
}

impl Sessions {
    pub fn new(context: SessionContext) -> Self {
        let inner = Inner {
            context: Arc::new(context),
            handles: Mutex::default(),
            tasks: TaskTracker::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Starts a session. Returns once livekit-server has accepted the egress and a stop request would be received.
    /// For a known egress id it starts nothing and returns the state of that egress.
    pub async fn start(&self, spec: RecordingSpec, max_recordings: usize) -> Result<EgressInfo, RpcError> {
        let handle = match self.register(&spec, max_recordings)? {
            Registered::Existing(handle) => handle,
            Registered::New(seat, handle) => {
                self.inner.tasks.spawn(self.clone().run_new(seat, handle.clone(), spec));
                handle
            }
        };
        handle.created().await
    }

    /// Continues what an earlier process left in the spool, each egress as soon as its folder is read. When this returns,
    /// requests for these egresses find them.
    pub async fn recover(&self) {
        let spool = &self.inner.context.spool;
        let unfinished = stream::iter(spool.closed().await).map(|id| spool.take_up(id));
        let mut unfinished = unfinished.buffer_unordered(MAX_PARALLEL_REPAIRS);
        while let Some(outcome) = unfinished.next().await {
            if let Some(left) = outcome.and_then(|unfinished| self.read(unfinished, true)) {
                self.recover_one(left);
            }
        }
        self.update_occupancy();
    }

    pub fn contains(&self, egress_id: &str) -> bool {
        self.handles().contains_key(&EgressId::from(egress_id))
    }

    /// The number of sessions that record. Those whose recording is being stored are not counted.
    pub fn recording(&self) -> usize {
        self.handles().values().filter(|handle| handle.is_recording()).count()
    }

    /// The egresses that have not ended.
    pub fn active_ids(&self) -> Vec<String> {
        self.handles()
            .values()
            .filter(|handle| handle.is_running())
            .map(|handle| handle.egress_id().to_string())
            .collect()
    }

    /// Sets the gauges of the metrics.
    pub fn update_occupancy(&self) {
        self.set_gauges(self.recording());
    }

    pub fn is_stopping(&self) -> bool {
        self.inner.context.shutdown.stopping.is_cancelled()
    }

    /// Waits until every session has ended: stored and reported, or suspended.
    pub async fn finish(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn register(&self, spec: &RecordingSpec, max_recordings: usize) -> Result<Registered, RpcError> {
        let mut handles = self.handles();
        if let Some(handle) = handles.get(&spec.meta.egress_id) {
            return Ok(Registered::Existing(handle.clone()));
        }
        if self.is_stopping() {
            return Err(RpcError::new(Code::Unavailable, "server is shutting down"));
        }
        let recording = handles.values().filter(|handle| handle.is_recording()).count();
        if recording >= max_recordings {
            let text = format!("{recording} recordings are running, which is the limit of this worker");
            return Err(RpcError::new(Code::ResourceExhausted, text));
        }
        let (seat, handle) = Seat::new(spec);
        handles.insert(seat.egress_id.clone(), handle.clone());
        self.set_gauges(recording + 1);
        Ok(Registered::New(seat, handle))
    }

    /// Returns `None` for a folder that cannot be continued. It is named in the log and kept.
    fn read(&self, unfinished: UnfinishedEgress, may_continue: bool) -> Option<LeftEgress> {
        let egress_id = unfinished.id.clone();
        let left = LeftEgress::read(unfinished, &self.inner.context, may_continue);
        left.inspect_err(|damaged| {
            tracing::error!(
                egress.id = %egress_id,
                error = damaged as &dyn std::error::Error,
                "cannot continue an egress; its folder is kept, and is tried again at the next start"
            );
        })
        .ok()
    }

    fn recover_one(&self, left: LeftEgress) {
        let (seat, handle) = Seat::new(&left.spec);
        self.handles().insert(seat.egress_id.clone(), handle.clone());
        metrics::session_recovered();
        tracing::info!(egress.id = %seat.egress_id, "continuing an egress of an earlier process");
        let session = left.session(&self.inner.context, &seat);
        self.inner.tasks.spawn(self.clone().run_left(seat, handle, session));
    }

    async fn run_new(self, seat: Seat, handle: SessionHandle, spec: RecordingSpec) {
        match begin(&self.inner.context, &seat, &handle, spec).await {
            Ok((session, methods)) => {
                seat.set_created(Ok(()));
                self.run(&seat, session).await;
                self.forget_later(seat.egress_id, methods);
            }
            Err(refusal) => {
                self.forget(&seat.egress_id);
                seat.set_created(Err(refusal));
            }
        }
    }

    async fn run_left(self, seat: Seat, handle: SessionHandle, session: Session) {
        let context = self.inner.context.clone();
        let serve = async move { serve_again(&context, &handle).await };
        let methods = AbortOnDropHandle::new(tokio::spawn(serve));
        self.run(&seat, session).await;
        if seat.is_refused() {
            self.forget(&seat.egress_id);
        } else {
            self.forget_later(seat.egress_id, methods);
        }
    }

    /// Runs a session to its end. After a panic, a new one continues with the folder.
    async fn run(&self, seat: &Seat, session: Session) {
        let reopen = |panics| self.clone().reopen(seat.clone(), panics < MAX_CONTINUED);
        let outcome = supervise(&seat.egress_id, session, Session::run, reopen).await;
        self.update_occupancy();
        if outcome.is_none() {
            give_up(&self.inner.context, seat).await;
        }
    }

    /// Reads the folder of a session that panicked.
    async fn reopen(self, seat: Seat, may_continue: bool) -> Option<Session> {
        let context = &self.inner.context;
        for _ in 0..REOPEN_ATTEMPTS {
            if context.spool.closed().await.contains(&seat.egress_id) {
                let unfinished = context.spool.take_up(seat.egress_id.clone()).await?;
                let left = self.read(unfinished, may_continue)?;
                return Some(left.session(context, &seat));
            }
            sleep(REOPEN_PAUSE).await;
        }
        tracing::error!(egress.id = %seat.egress_id, "the folder of an egress is gone");
        None
    }

    fn forget(&self, egress_id: &EgressId) {
        self.handles().remove(egress_id);
        self.update_occupancy();
    }

    /// Forgets an ended egress, and stops serving `methods`, after a while. A worker that shuts down does not wait.
    fn forget_later(self, egress_id: EgressId, methods: impl Send + 'static) {
        let suspend = self.inner.context.shutdown.suspend.clone();
        tokio::spawn(async move {
            let _or_at_shutdown = suspend.run_until_cancelled(sleep(KEEP_ENDED)).await;
            self.forget(&egress_id);
            drop(methods);
        });
    }

    fn set_gauges(&self, recording: usize) {
        metrics::occupancy(Occupancy {
            running: recording,
            accepts: !self.is_stopping() && (self.inner.context.has_capacity)(recording),
            is_stopping: self.is_stopping(),
        });
    }

    fn handles(&self) -> MutexGuard<'_, HashMap<EgressId, SessionHandle>> {
        self.inner.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
