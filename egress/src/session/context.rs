//! What a session works with.

use std::sync::Arc;

use media::{JournalEntry, ogg::FileTail};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    io_info::IoInfoClient, outcome::RecordingEnd, reporter::StateReporter, room_list::RoomLists, seat::Seat,
    spec::RecordingSpec, state::EndReason,
};
use crate::{
    config::SessionLimits,
    failure::Failure,
    metrics::Share,
    psrpc::Server,
    room::Rooms,
    spool::{EgressFolder, Spool},
    upload::Uploader,
};

/// What all sessions of a worker share.
pub struct SessionContext {
    /// Whether another recording would be accepted while this many are running, unless the worker is stopping.
    pub has_capacity: Box<dyn Fn(usize) -> bool + Send + Sync>,
    pub io_info: IoInfoClient,
    pub room_lists: RoomLists,
    pub server: Server,
    pub rooms: Rooms,
    pub spool: Spool,
    pub uploader: Uploader,
    pub limits: SessionLimits,
    /// The store of `egress.yaml`.
    pub store: Option<objects::StoreConfig>,
    pub shutdown: Shutdown,
}

/// The steps of the worker's shutdown.
#[derive(Clone, Default)]
pub struct Shutdown {
    /// Once cancelled, no session is started.
    pub stopping: CancellationToken,
    /// Once cancelled, running sessions end and store their recordings.
    pub end_now: CancellationToken,
    /// Once cancelled, sessions leave their folders as they are. The next process continues them.
    pub suspend: CancellationToken,
}

/// The task that carries out one egress: it records one track, stores the file and reports each state.
pub struct Session {
    pub spec: RecordingSpec,
    pub context: Arc<SessionContext>,
    pub folder: EgressFolder,
    pub reporter: StateReporter,
    pub signals: Signals,
    pub seat: Seat,
    /// What an earlier process left; taken by the phase that continues it.
    pub left: Option<LeftRecording>,
    /// What was heard and is not in the store yet, for the metrics.
    pub at_risk: Share,
    /// Whether livekit-server has accepted the egress.
    pub is_started: bool,
    /// Finds out whether another egress has replaced this one.
    pub _watch: Option<AbortOnDropHandle<()>>,
}

/// A recording that an earlier process began.
#[derive(Debug)]
pub struct LeftRecording {
    pub journal: Vec<JournalEntry>,
    /// The end of the audio; `None` if there is none.
    pub audio: Option<FileTail>,
    /// Whether it may be continued. If not, it is closed and stored as it is.
    pub may_continue: bool,
}

impl LeftRecording {
    pub fn has_audio(&self) -> bool {
        self.audio.as_ref().is_some_and(|tail| tail.samples > 0)
    }
}

/// What interrupts a session from outside.
#[derive(Clone)]
pub struct Signals {
    /// `StopEgress` was called.
    pub stop_requested: CancellationToken,
    /// Another egress records the track by now.
    pub replaced: CancellationToken,
    pub shutdown: Shutdown,
}

/// A signal to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Stop(EndReason),
    Replaced,
    Suspend,
}

impl Signals {
    /// Waits for the first signal.
    pub async fn received(&self) -> Signal {
        tokio::select! {
            biased;
            () = self.stop_requested.cancelled() => Signal::Stop(EndReason::StopApi),
            () = self.shutdown.suspend.cancelled() => Signal::Suspend,
            () = self.shutdown.end_now.cancelled() => Signal::Stop(EndReason::ShuttingDown),
            () = self.replaced.cancelled() => Signal::Replaced,
        }
    }
}

impl Signal {
    /// The end that the signal means for a recording; `None` if the next process continues it.
    pub fn end(self) -> Option<RecordingEnd> {
        match self {
            Self::Stop(reason) => Some(RecordingEnd::Stopped(reason)),
            Self::Replaced => Some(Failure::interrupted("another egress records the track by now").into()),
            Self::Suspend => None,
        }
    }
}

/// Why a session stops before its egress has ended. Its folder is continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// The worker is shutting down. The next process continues.
    Suspended,
    /// The task that owns the room's connections is gone: it panicked. Another session of this process continues.
    RoomLost,
}
