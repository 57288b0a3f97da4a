//! All sessions of this worker: one per egress id, however often it is requested.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::EgressId;
use livekit_protocol::EgressInfo;
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    context::{Session, SessionContext, StopSignals},
    egress_methods::{EgressMethods, serve_egress},
    handle::{CreateResult, SessionHandle},
    reporter::StateReporter,
    spec::RecordingSpec,
    state::Egress,
};
use crate::{
    clock::unix_now,
    metrics::{self, Occupancy},
    psrpc::{Code, RpcError},
};

/// How long an ended egress is remembered: livekit-server repeats a stop for up to 15 s (3 + 5 + 7).
const KEEP_ENDED: Duration = Duration::from_secs(20);

/// The longest wait until Redis confirms the channels of an egress; it may be reconnecting. A start must be answered
/// within ten seconds.
const SERVE_TIMEOUT: Duration = Duration::from_secs(4);

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
    New {
        session: Box<Session>,
        handle: SessionHandle,
        created: watch::Sender<CreateResult>,
    },
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
        match self.register(spec, max_recordings)? {
            Registered::Existing(handle) => handle.created().await,
            Registered::New {
                session,
                handle,
                created,
            } => {
                let outcome = self.launch(*session, &handle).await;
                created.send_replace(Some(outcome.clone()));
                outcome.map(|()| handle.info())
            }
        }
    }

    pub fn contains(&self, egress_id: &str) -> bool {
        self.handles().contains_key(&EgressId::from(egress_id))
    }

    pub fn running(&self) -> usize {
        self.handles().values().filter(|handle| handle.is_running()).count()
    }

    pub fn active_ids(&self) -> Vec<String> {
        self.handles()
            .values()
            .filter(|handle| handle.is_running())
            .map(|handle| handle.egress_id().to_string())
            .collect()
    }

    /// Sets the gauges of the metrics.
    pub fn update_occupancy(&self) {
        self.set_gauges(self.running());
    }

    pub fn is_stopping(&self) -> bool {
        self.inner.context.stopping.is_cancelled()
    }

    /// Waits until every session has stored its recording and reported its last state.
    pub async fn finish(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn register(&self, spec: RecordingSpec, max_recordings: usize) -> Result<Registered, RpcError> {
        let mut handles = self.handles();
        if let Some(handle) = handles.get(&spec.meta.egress_id) {
            return Ok(Registered::Existing(handle.clone()));
        }
        if self.is_stopping() {
            return Err(RpcError::new(Code::Unavailable, "server is shutting down"));
        }
        let running = handles.values().filter(|handle| handle.is_running()).count();
        if running >= max_recordings {
            let text = format!("{running} recordings are running, which is the limit of this worker");
            return Err(RpcError::new(Code::ResourceExhausted, text));
        }
        let registered = self.new_session(spec);
        if let Registered::New { handle, .. } = &registered {
            handles.insert(handle.egress_id().clone(), handle.clone());
            self.set_gauges(running + 1);
        }
        Ok(registered)
    }

    fn new_session(&self, spec: RecordingSpec) -> Registered {
        let context = self.inner.context.clone();
        let egress = Egress::new(spec.meta.clone(), unix_now());
        let (info_writer, info) = watch::channel(egress.info());
        let (created, create_result) = watch::channel(None);
        let stop = CancellationToken::new();
        let egress_id = spec.meta.egress_id.clone();
        let handle = SessionHandle {
            egress_id,
            created: create_result,
            info,
            stop: stop.clone(),
        };
        let reporter = StateReporter::new(egress, info_writer, context.io_info.update_queue());
        let stop_signals = StopSignals {
            requested: stop,
            end_now: context.end_now.clone(),
        };
        Registered::New {
            session: Box::new(Session {
                spec,
                context,
                reporter,
                stop_signals,
            }),
            handle,
            created,
        }
    }

    async fn launch(&self, session: Session, handle: &SessionHandle) -> Result<(), RpcError> {
        match self.announce(handle).await {
            Ok(methods) => {
                self.inner
                    .tasks
                    .spawn(self.clone().run(session, handle.egress_id().clone(), methods));
                Ok(())
            }
            Err(error) => {
                self.handles().remove(handle.egress_id());
                self.update_occupancy();
                Err(error)
            }
        }
    }

    /// Creates the egress at livekit-server and serves its methods.
    async fn announce(&self, handle: &SessionHandle) -> Result<EgressMethods, RpcError> {
        let info = handle.info();
        let unavailable = |text: String| RpcError::new(Code::Unavailable, text);
        let create = async {
            let created = self.inner.context.io_info.create(&info).await;
            created.map_err(|error| unavailable(format!("cannot create the egress at livekit-server: {error}")))
        };
        let serve = async {
            match timeout(SERVE_TIMEOUT, serve_egress(&self.inner.context.server, handle.clone())).await {
                Ok(Ok(methods)) => Ok(methods),
                Ok(Err(error)) => Err(unavailable(error.to_string())),
                Err(_) => Err(unavailable("Redis did not confirm a subscription in time".to_owned())),
            }
        };
        tokio::try_join!(create, serve).map(|((), methods)| methods)
    }

    async fn run(self, session: Session, egress_id: EgressId, methods: EgressMethods) {
        session.run().await;
        self.update_occupancy();
        // Not tracked: a worker that shuts down does not wait for it.
        tokio::spawn(async move {
            tokio::time::sleep(KEEP_ENDED).await;
            self.handles().remove(&egress_id);
            drop(methods);
        });
    }

    fn set_gauges(&self, running: usize) {
        metrics::occupancy(Occupancy {
            running,
            accepts: !self.is_stopping(),
            is_stopping: self.is_stopping(),
        });
    }

    fn handles(&self) -> MutexGuard<'_, HashMap<EgressId, SessionHandle>> {
        self.inner.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
