//! How sessions begin: a new request is accepted, and a folder that an earlier process left is read.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    backoff::Backoff,
    context::{Interrupted, LeftRecording, Session, SessionContext, Signals},
    egress_methods::{EgressMethods, serve_egress},
    handle::SessionHandle,
    reporter::StateReporter,
    saved::{Damaged, SavedCredentials, SavedRequest, SavedState, StateFile},
    seat::Seat,
    spec::RecordingSpec,
    takeover::replacement,
    updates::{Known, UpdateQueue},
};
use crate::{
    metrics::Share,
    psrpc::{Code, RpcError},
    spool::{EgressFolder, UnfinishedEgress},
};

/// The longest wait until Redis confirms the channels of an egress; it may be reconnecting. A start must be answered
/// within ten seconds.
const SERVE_TIMEOUT: Duration = Duration::from_secs(4);

/// What an earlier process left, as far as it is valid.
pub struct LeftEgress {
    pub spec: RecordingSpec,
    folder: EgressFolder,
    /// `None` if the process was killed before it knew that livekit-server had accepted the egress.
    state: Option<SavedState>,
    recording: LeftRecording,
}

impl LeftEgress {
    /// Checks a folder. `may_continue` is false if its recording should be closed as it is.
    pub fn read(unfinished: UnfinishedEgress, context: &SessionContext, may_continue: bool) -> Result<Self, Damaged> {
        let UnfinishedEgress {
            id,
            request,
            credentials,
            ..
        } = unfinished;
        Ok(Self {
            spec: SavedRequest::restore(&id, request, credentials, context.store.as_ref())?,
            state: unfinished.state.map(SavedState::restore).transpose()?,
            folder: unfinished.folder,
            recording: LeftRecording {
                journal: unfinished.journal,
                audio: unfinished.audio,
                may_continue,
            },
        })
    }

    /// The session that continues it.
    pub fn session(self, context: &Arc<SessionContext>, seat: &Seat) -> Session {
        let is_started = self.state.is_some();
        if is_started {
            seat.set_created(Ok(()));
        }
        let state = self.state.unwrap_or_else(|| SavedState::new(&self.spec));
        let replaced = CancellationToken::new();
        let watch = watch_for_replacement(context.clone(), self.spec.clone(), replaced.clone());
        let session = Session {
            left: Some(self.recording),
            is_started,
            _watch: Some(AbortOnDropHandle::new(tokio::spawn(watch))),
            ..new_session(context, seat, self.spec, self.folder, state, Known::Uncertain, replaced)
        };
        if is_started {
            session.reporter.report();
        }
        session
    }
}

/// Creates the folder of a new egress and the egress at livekit-server, and serves its methods.
pub async fn begin(
    context: &Arc<SessionContext>,
    seat: &Seat,
    handle: &SessionHandle,
    spec: RecordingSpec,
) -> Result<(Session, EgressMethods), RpcError> {
    let (request, credentials) = (SavedRequest::new(&spec), SavedCredentials::new(&spec));
    let folder = context
        .spool
        .create(&seat.egress_id, &request, credentials.as_ref())
        .await;
    let folder = folder.map_err(|error| unavailable(format!("cannot write to the spool folder: {error}")))?;
    match announce(context, handle).await {
        Ok(methods) => {
            let state = SavedState::new(&spec);
            let replaced = CancellationToken::new();
            let session = new_session(context, seat, spec, folder, state, Known::Created, replaced);
            session.reporter.save(|_| {});
            Ok((session, methods))
        }
        Err(refusal) => {
            if let Err(error) = folder.remove().await {
                tracing::warn!(%error, "cannot remove the folder of an egress that was not created");
            }
            Err(refusal)
        }
    }
}

/// Serves the methods of a continued egress, as soon as Redis allows.
pub async fn serve_again(context: &SessionContext, handle: &SessionHandle) -> EgressMethods {
    let mut backoff = Backoff::default();
    loop {
        context.server.connected().await;
        match serve(context, handle).await {
            Ok(methods) => return methods,
            Err(error) => tracing::warn!(%error, "cannot serve the methods of an egress; trying again"),
        }
        backoff.wait().await;
    }
}

/// Finds out whether livekit-server has accepted the egress, whose process was killed before it knew. If not, somebody else
/// got the request, or its caller was told that it failed: then it is not ours.
pub async fn confirm(session: &mut Session) -> Result<bool, Interrupted> {
    // Audio is recorded only after the egress was accepted.
    let has_audio = session.left.as_ref().is_some_and(LeftRecording::has_audio);
    let is_ours = has_audio || is_accepted(session).await?;
    session.is_started = is_ours;
    if is_ours {
        session.reporter.save(|_| {});
        session.reporter.report();
        session.seat.set_created(Ok(()));
    } else {
        let refusal = unavailable("the worker was restarted before the egress was created".to_owned());
        session.seat.set_created(Err(refusal));
    }
    Ok(is_ours)
}

async fn is_accepted(session: &Session) -> Result<bool, Interrupted> {
    let (io_info, egress_id) = (&session.context.io_info, session.spec.meta.egress_id.as_str());
    let stored = session.until_suspended(io_info.find(egress_id)).await?;
    Ok(stored.is_some_and(|info| info.started_at == session.spec.started_at.0))
}

fn new_session(
    context: &Arc<SessionContext>,
    seat: &Seat,
    spec: RecordingSpec,
    folder: EgressFolder,
    state: SavedState,
    known: Known,
    replaced: CancellationToken,
) -> Session {
    let file = StateFile::new(folder.clone(), state);
    let updates = UpdateQueue::new(context.io_info.clone(), known);
    Session {
        reporter: StateReporter::new(&spec, file, seat.snapshot.clone(), updates),
        signals: Signals {
            stop_requested: seat.stop_requested.clone(),
            replaced,
            shutdown: context.shutdown.clone(),
        },
        spec,
        context: context.clone(),
        seat: seat.clone(),
        folder,
        left: None,
        at_risk: Share::of_seconds_at_risk(),
        is_started: true,
        _watch: None,
    }
}

/// Cancels `replaced` if another egress records the track by now. Recording goes on until livekit-server has answered.
async fn watch_for_replacement(context: Arc<SessionContext>, spec: RecordingSpec, replaced: CancellationToken) {
    let running = context.room_lists.get(&context.io_info, &spec.meta.room_name).await;
    if let Some(other) = replacement(&spec, &running) {
        tracing::warn!(egress.id = %spec.meta.egress_id, "{other} records the track by now; closing our recording");
        replaced.cancel();
    }
}

/// Creates the egress at livekit-server and serves its methods.
async fn announce(context: &SessionContext, handle: &SessionHandle) -> Result<EgressMethods, RpcError> {
    let info = handle.info();
    let create = async {
        let created = context.io_info.create(&info).await;
        created.map_err(|error| unavailable(format!("cannot create the egress at livekit-server: {error}")))
    };
    tokio::try_join!(create, serve(context, handle)).map(|((), methods)| methods)
}

async fn serve(context: &SessionContext, handle: &SessionHandle) -> Result<EgressMethods, RpcError> {
    match timeout(SERVE_TIMEOUT, serve_egress(&context.server, handle.clone())).await {
        Ok(Ok(methods)) => Ok(methods),
        Ok(Err(error)) => Err(unavailable(error.to_string())),
        Err(_) => Err(unavailable("Redis did not confirm a subscription in time".to_owned())),
    }
}

fn unavailable(text: String) -> RpcError {
    RpcError::new(Code::Unavailable, text)
}
