//! All recordings of this worker: one an egress id, however often it is asked for.

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
    handle::{Creation, SessionHandle},
    reporter::StateReporter,
    spec::RecordingSpec,
    state::Egress,
};
use crate::{
    clock::unix_ns,
    metrics::{self, Occupancy},
    psrpc::{Code, RpcError},
};

/// How long an ended egress is remembered: livekit-server repeats a stop for up to 15 s (3 + 5 + 7).
const REMEMBER: Duration = Duration::from_secs(20);

/// How long a request waits for its channels to be confirmed; Redis may be reconnecting. A start must be answered
/// within ten seconds.
const SERVE_TIMEOUT: Duration = Duration::from_secs(4);

/// The recordings; clones share them.
#[derive(Clone)]
pub struct Sessions {
    inner: Arc<Inner>,
}

struct Inner {
    context: Arc<SessionContext>,
    known: Mutex<HashMap<EgressId, SessionHandle>>,
    tasks: TaskTracker,
}

/// What becomes of a request.
enum Entered {
    New {
        session: Box<Session>,
        handle: SessionHandle,
        created: watch::Sender<Creation>,
    },
    Known(SessionHandle),
}

impl Sessions {
    pub fn new(context: SessionContext) -> Self {
        let inner = Inner {
            context: Arc::new(context),
            known: Mutex::default(),
            tasks: TaskTracker::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Begins a recording, and returns once livekit-server knows of it and a stop would be heard. A repeated egress id
    /// begins nothing and returns how its recording stands.
    pub async fn start(&self, spec: RecordingSpec, max_recordings: usize) -> Result<EgressInfo, RpcError> {
        match self.enter(spec, max_recordings)? {
            Entered::Known(handle) => handle.created().await,
            Entered::New {
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

    pub fn knows(&self, egress_id: &str) -> bool {
        self.known().contains_key(&EgressId::from(egress_id))
    }

    pub fn running(&self) -> usize {
        self.known().values().filter(|handle| handle.is_running()).count()
    }

    pub fn active_ids(&self) -> Vec<String> {
        self.known()
            .values()
            .filter(|handle| handle.is_running())
            .map(|handle| handle.egress_id().to_string())
            .collect()
    }

    /// Brings the gauges up to date.
    pub fn show_occupancy(&self) {
        self.count(self.running());
    }

    pub fn is_stopping(&self) -> bool {
        self.inner.context.stopping.is_cancelled()
    }

    /// Waits until every recording has been stored and reported.
    pub async fn finish(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn enter(&self, spec: RecordingSpec, max_recordings: usize) -> Result<Entered, RpcError> {
        let mut known = self.known();
        if let Some(handle) = known.get(&spec.meta.egress_id) {
            return Ok(Entered::Known(handle.clone()));
        }
        if self.is_stopping() {
            return Err(RpcError::new(Code::Unavailable, "server is shutting down"));
        }
        let running = known.values().filter(|handle| handle.is_running()).count();
        if running >= max_recordings {
            let text = format!("{running} recordings are running, which is as many as this worker takes");
            return Err(RpcError::new(Code::ResourceExhausted, text));
        }
        let entered = self.begin(spec);
        if let Entered::New { handle, .. } = &entered {
            known.insert(handle.egress_id().clone(), handle.clone());
            self.count(running + 1);
        }
        Ok(entered)
    }

    fn begin(&self, spec: RecordingSpec) -> Entered {
        let context = self.inner.context.clone();
        let egress = Egress::new(spec.meta.clone(), unix_ns());
        let (info_writer, info) = watch::channel(egress.info());
        let (created, creation) = watch::channel(None);
        let stop = CancellationToken::new();
        let egress_id = spec.meta.egress_id.clone();
        let handle = SessionHandle {
            egress_id,
            created: creation,
            info,
            stop: stop.clone(),
        };
        let reporter = StateReporter::new(egress, info_writer, context.io_info.update_queue());
        let stop_signals = StopSignals {
            requested: stop,
            end_now: context.end_now.clone(),
        };
        Entered::New {
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
        match self.make_known(handle).await {
            Ok(methods) => {
                self.inner
                    .tasks
                    .spawn(self.clone().run(session, handle.egress_id().clone(), methods));
                Ok(())
            }
            Err(error) => {
                self.known().remove(handle.egress_id());
                self.show_occupancy();
                Err(error)
            }
        }
    }

    /// Tells livekit-server of the egress, and listens for its stop.
    async fn make_known(&self, handle: &SessionHandle) -> Result<EgressMethods, RpcError> {
        let info = handle.info();
        let unavailable = |text: String| RpcError::new(Code::Unavailable, text);
        let create = async {
            let created = self.inner.context.io_info.create(&info).await;
            created.map_err(|error| unavailable(format!("the egress could not be reported to livekit-server: {error}")))
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
        self.show_occupancy();
        // Not among the tracked tasks: a worker that stops need not remember.
        tokio::spawn(async move {
            tokio::time::sleep(REMEMBER).await;
            self.known().remove(&egress_id);
            drop(methods);
        });
    }

    fn count(&self, running: usize) {
        metrics::occupancy(Occupancy {
            running,
            accepts: !self.is_stopping(),
            is_stopping: self.is_stopping(),
        });
    }

    fn known(&self) -> MutexGuard<'_, HashMap<EgressId, SessionHandle>> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
