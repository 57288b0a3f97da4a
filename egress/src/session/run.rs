//! The life of one recording: find the track, record it, store it, and tell of each step.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use media::{MuteState, RecorderConfig};
use rtc::TrackInfo;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    capture::Capture,
    keep::{Keep, Kept, keep},
    listen::Ending,
    manifest::Publisher,
    name::{ObjectName, TrackValues},
    registry::Context,
    reporter::StateReporter,
    spec::RecordingSpec,
    state::{EndReason, OpenFile, State},
    track,
};
use crate::{
    clock::unix_ns,
    failure::Failure,
    room::{FeedEnd, FeedEvent, TrackFeed},
};

/// How long a track may take to be seen, and to send its first packet unless it is muted: LiveKit's figure.
pub(super) const TRACK_WAIT: Duration = Duration::from_secs(30);

/// How long packets of a track that has ended may still come.
const LATE_PACKETS: Duration = Duration::from_millis(300);

/// Everything that one recording owns.
pub struct Session {
    pub spec: RecordingSpec,
    pub context: Arc<Context>,
    pub reporter: StateReporter,
    pub interrupts: Interrupts,
}

/// What may end a recording from outside.
#[derive(Clone)]
pub struct Interrupts {
    /// Somebody asked.
    pub stop: CancellationToken,
    /// The worker goes.
    pub end_now: CancellationToken,
}

/// The track, and where its recording goes.
pub(super) struct Found {
    pub publisher: Publisher,
    pub name: ObjectName,
    pub is_muted: bool,
    /// Until when the first packet must have come.
    pub deadline: Instant,
}

/// Why nothing was recorded.
enum Early {
    Stopped(EndReason),
    Failed(Failure),
}

impl Session {
    /// Returns when the last state has been stored by livekit-server.
    #[tracing::instrument(skip_all, fields(
        egress.id = %self.spec.meta.egress_id, room.name = self.spec.meta.room_name, track.sid = %self.spec.track_sid
    ))]
    pub async fn run(mut self) {
        let meta = &self.spec.meta;
        let feed = self
            .context
            .rooms
            .attach(&meta.room_name, &meta.room_sid, &self.spec.track_sid);
        if let Err(early) = self.record(feed).await {
            self.end_early(early);
        }
        self.reporter.finish().await;
    }

    async fn record(&mut self, mut feed: TrackFeed) -> Result<(), Early> {
        let found = self.find(&mut feed).await?;
        let mut capture = self.begin(&found).await?;
        let ending = match self.listen(&mut feed, &mut capture, &found).await {
            Ok(ending) => ending,
            // What is in the spool stays there.
            Err(error) => return Err(Early::Failed(Failure::spool(error))),
        };
        if let State::Starting = self.reporter.egress().state() {
            drop(feed);
            return self.discard(capture, ending).await;
        }
        if let Ending::Stopped(reason) = &ending {
            self.reporter.transition(|egress| egress.end(unix_ns(), *reason));
        }
        if let Ending::ConnectionLost = &ending {
            self.reporter
                .transition(|egress| egress.end(unix_ns(), EndReason::Failure));
        }
        if let Ending::Stopped(EndReason::SourceClosed) = &ending {
            take_late(&mut feed, &mut capture).await;
        }
        // The room may be left: nothing more is wanted from it.
        drop(feed);
        self.store(capture, ending, &found).await
    }

    /// Waits until the track is in the room, and asks for it.
    async fn find(&self, feed: &mut TrackFeed) -> Result<Found, Early> {
        let deadline = Instant::now() + TRACK_WAIT;
        let track = tokio::select! {
            reason = self.interrupts.any() => return Err(Early::Stopped(reason)),
            found = timeout(TRACK_WAIT, wait_for_track(feed)) => match found {
                Ok(found) => found?,
                Err(_) => return Err(Early::Failed(Failure::track_not_found(self.spec.track_sid.as_str()))),
            },
        };
        let publisher = track::check(&track)?;
        let identity = publisher.identity.as_str().into();
        let values = TrackValues {
            track_source: publisher.source,
            publisher_identity: &identity,
        };
        let name = self.spec.name.resolve(&values).map_err(Failure::name)?;
        feed.subscribe();
        Ok(Found {
            publisher,
            name,
            is_muted: track.muted,
            deadline,
        })
    }

    async fn begin(&mut self, found: &Found) -> Result<Capture, Early> {
        let meta = &self.spec.meta;
        let tags = vec![
            ("EGRESS_ID".to_owned(), meta.egress_id.to_string()),
            ("TRACK_ID".to_owned(), self.spec.track_sid.to_string()),
        ];
        let config = RecorderConfig {
            tags,
            ..RecorderConfig::new(rand::random(), self.context.wall)
        };
        let capture = Capture::begin(&self.context.spool, &meta.egress_id, config).await;
        let mut capture = capture.map_err(|error| Early::Failed(Failure::spool(error)))?;
        if found.is_muted {
            self.begin_muted(&mut capture, found);
        }
        Ok(capture)
    }

    /// A muted track runs without a packet; its file begins with the first.
    pub(super) fn begin_muted(&mut self, capture: &mut Capture, found: &Found) {
        capture.recorder.handle_mute(Instant::now(), MuteState::Muted);
        let file = OpenFile {
            filename: found.name.filename.clone(),
            started_at: None,
        };
        self.reporter.transition(|egress| egress.activate(unix_ns(), file));
    }

    /// Nothing ever came.
    async fn discard(&mut self, capture: Capture, ending: Ending) -> Result<(), Early> {
        if let Err(error) = capture.finish().await {
            tracing::warn!(%error, "an empty file stays in the spool");
        }
        Err(match ending {
            Ending::Stopped(reason) => Early::Stopped(reason),
            Ending::Limit(_) => Early::Stopped(EndReason::LimitReached),
            Ending::ConnectionLost => Early::Failed(Failure::connection_lost()),
            Ending::Failed(failure) => Early::Failed(failure),
        })
    }

    async fn store(&mut self, capture: Capture, ending: Ending, found: &Found) -> Result<(), Early> {
        let parts = Keep {
            spec: &self.spec,
            found,
            started_at: self.reporter.egress().started_at(),
            ending: &ending,
        };
        let Kept { file, ended_at } = match keep(parts, capture).await {
            Ok(Some(kept)) => kept,
            Ok(None) => return Err(Early::Stopped(ending.reason())),
            Err(failure) => return Err(Early::Failed(failure)),
        };
        self.reporter.transition(|egress| match ending {
            Ending::Stopped(_) => egress.complete(ended_at, file),
            Ending::Limit(_) => egress.limit_reached(ended_at, file),
            Ending::ConnectionLost => egress.fail(ended_at, Failure::connection_lost(), Some(file)),
            Ending::Failed(failure) => egress.fail(ended_at, failure, Some(file)),
        });
        Ok(())
    }

    fn end_early(&mut self, early: Early) {
        self.reporter.transition(|egress| match early {
            Early::Failed(failure) => egress.fail(unix_ns(), failure, None),
            Early::Stopped(reason) => {
                let asked = matches!(reason, EndReason::StopApi) && matches!(egress.state(), State::Starting);
                let failure = if asked {
                    Failure::not_started()
                } else {
                    Failure::no_audio()
                };
                egress.abort(unix_ns(), failure, reason)
            }
        });
    }
}

impl Interrupts {
    /// Waits for the first of them.
    pub(super) async fn any(&self) -> EndReason {
        tokio::select! {
            () = self.stop.cancelled() => EndReason::StopApi,
            () = self.end_now.cancelled() => EndReason::ShuttingDown,
        }
    }
}

impl From<Failure> for Early {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

async fn wait_for_track(feed: &mut TrackFeed) -> Result<TrackInfo, Early> {
    loop {
        match feed.next().await {
            FeedEvent::Published(track) => return Ok(*track),
            FeedEvent::Ended(FeedEnd::SourceClosed) => return Err(Early::Stopped(EndReason::SourceClosed)),
            FeedEvent::Ended(FeedEnd::ConnectionLost) => return Err(Early::Failed(Failure::connection_lost())),
            FeedEvent::Ended(FeedEnd::Refused(failure)) => return Err(Early::Failed(failure)),
            _ => {}
        }
    }
}

/// Packets that overtook each other at the end still belong to the recording.
async fn take_late(feed: &mut TrackFeed, capture: &mut Capture) {
    let late = async {
        loop {
            match feed.next().await {
                FeedEvent::Packet(packet) => capture.recorder.handle_packet(packet),
                FeedEvent::Ended(_) => std::future::pending().await,
                _ => {}
            }
        }
    };
    tokio::select! {
        () = late => {}
        () = sleep(LATE_PACKETS) => {}
    }
}
