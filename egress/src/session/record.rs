//! Phase 2: hands packets to the recorder and writes its pages, until the track ends, a stop is requested or a limit
//! is reached.

use std::{
    io,
    time::{Duration, Instant},
};

use media::{MuteState, RecorderConfig, RtpPacket, WallClock};
use tokio::time::{sleep, sleep_until};

use super::{
    context::Session,
    outcome::{FoundTrack, NotStored, RecordedTrack, RecordingEnd},
    state::{EndReason, State},
    track_writer::{TrackWriter, WriterState},
};
use crate::{
    clock::unix_now,
    failure::Failure,
    metrics,
    room::{FeedEnd, FeedEvent, TrackFeed},
};

/// How long packets of an ended track are still accepted.
const LATE_PACKETS: Duration = Duration::from_millis(300);

/// Records `track`. Fails if no packet arrived, or if the spool cannot be written; in the second case the file stays
/// in the spool.
pub(super) async fn record(
    session: &mut Session,
    mut feed: TrackFeed,
    track: &FoundTrack,
) -> Result<RecordedTrack, NotStored> {
    let writer = open_writer(session, feed.wall()).await.map_err(Failure::spool)?;
    let mut recording = ActiveRecording {
        session,
        track,
        wall: feed.wall(),
        writer,
    };
    if track.is_muted {
        recording.start_muted();
    }
    let end = recording.until_end(&mut feed).await.map_err(Failure::spool)?;
    if recording.is_starting() {
        drop(feed);
        recording.discard().await;
        return Err(end.into());
    }
    recording.report_ending(&end);
    if let RecordingEnd::Stopped(EndReason::SourceClosed) = &end {
        recording.take_late_packets(&mut feed).await;
    }
    let writer = recording.writer;
    Ok(RecordedTrack { writer, end })
}

async fn open_writer(session: &Session, wall: WallClock) -> io::Result<TrackWriter> {
    let meta = &session.spec.meta;
    let tags = vec![
        ("EGRESS_ID".to_owned(), meta.egress_id.to_string()),
        ("TRACK_ID".to_owned(), session.spec.track_sid.to_string()),
    ];
    let config = RecorderConfig {
        tags,
        ..RecorderConfig::new(rand::random(), wall)
    };
    TrackWriter::open(&session.context.spool, &meta.egress_id, config).await
}

/// A track that is being recorded.
struct ActiveRecording<'a> {
    session: &'a mut Session,
    track: &'a FoundTrack,
    wall: WallClock,
    writer: TrackWriter,
}

impl ActiveRecording<'_> {
    /// Records until the track ends, a stop is requested or a limit is reached. Errors are write errors of the spool.
    async fn until_end(&mut self, feed: &mut TrackFeed) -> io::Result<RecordingEnd> {
        let limits = self.session.context.limits;
        let stop_signals = self.session.stop_signals.clone();
        let ends_at = limits.max_duration.map(|limit| Instant::now() + limit);
        let mut is_measured = false;
        loop {
            let wake_at = match self.writer.write().await? {
                WriterState::WaitUntil(deadline) => Some(deadline),
                WriterState::WaitForPacket | WriterState::Done(_) => None,
            };
            if !is_measured && self.writer.has_audio() {
                is_measured = true;
                self.measure_first_packet();
            }
            if limits
                .max_size_bytes
                .is_some_and(|limit| self.writer.size_bytes() >= limit)
            {
                return Ok(RecordingEnd::LimitReached(unix_now()));
            }
            let packet_deadline = self.is_starting().then_some(self.track.first_packet_deadline);
            tokio::select! {
                reason = stop_signals.received() => return Ok(RecordingEnd::Stopped(reason)),
                () = until(ends_at) => return Ok(RecordingEnd::LimitReached(unix_now())),
                () = until(packet_deadline) => {
                    return Ok(RecordingEnd::Failed(Failure::track_not_found(&self.session.spec.track_sid)));
                }
                () = until(wake_at) => self.writer.recorder.handle_timeout(Instant::now()),
                event = feed.next() => if let Some(end) = self.handle_event(event) {
                    return Ok(end);
                },
            }
        }
    }

    /// Returns why the recording ends, if `event` ends it.
    fn handle_event(&mut self, event: FeedEvent) -> Option<RecordingEnd> {
        match event {
            FeedEvent::Packet(packet) => self.handle_packet(packet),
            FeedEvent::SenderReport(report) => self.writer.recorder.handle_sender_report(report),
            FeedEvent::Reconnected(at) => self.writer.recorder.handle_reconnect(at),
            FeedEvent::Mute(MuteState::Muted) if self.is_starting() => self.start_muted(),
            FeedEvent::Mute(state) => self.writer.recorder.handle_mute(Instant::now(), state),
            // If encryption is switched on later, the following packets are ciphertext.
            FeedEvent::Published(track) if track.encrypted => {
                return Some(RecordingEnd::Failed(Failure::encrypted(&track.sid)));
            }
            FeedEvent::Published(_)
            | FeedEvent::Joined
            | FeedEvent::Lost(_)
            | FeedEvent::Dropped { .. }
            | FeedEvent::Trouble(_) => {}
            FeedEvent::Ended(FeedEnd::SourceClosed) => return Some(RecordingEnd::Stopped(EndReason::SourceClosed)),
            FeedEvent::Ended(FeedEnd::ConnectionLost) => return Some(RecordingEnd::ConnectionLost),
            FeedEvent::Ended(FeedEnd::Refused(failure)) => return Some(RecordingEnd::Failed(failure)),
        }
        None
    }

    /// The first packet makes the egress active, and starts the file of a track that was muted so far.
    fn handle_packet(&mut self, packet: RtpPacket) {
        let arrived_at = self.wall.unix_nanos_at(packet.arrival);
        self.writer.recorder.handle_packet(packet);
        let reporter = &mut self.session.reporter;
        match reporter.egress().state() {
            State::Starting => {
                let file = self.track.open_file(Some(arrived_at));
                reporter.transition(|egress| egress.activate(unix_now(), file));
            }
            State::Active(file) if file.started_at.is_none() => {
                reporter.update(|egress| egress.file_started(arrived_at));
            }
            _ => return,
        }
        let after_ms = milliseconds(self.session.spec.received.elapsed());
        tracing::info!(after_ms, "the first packet arrived {after_ms} ms after the request");
    }

    /// A muted track is active without a packet; its file starts with the first one.
    fn start_muted(&mut self) {
        self.writer.recorder.handle_mute(Instant::now(), MuteState::Muted);
        let file = self.track.open_file(None);
        self.session
            .reporter
            .transition(|egress| egress.activate(unix_now(), file));
    }

    /// Removes the file of a track that sent no packet.
    async fn discard(self) {
        if let Err(error) = self.writer.finish().await {
            tracing::warn!(%error, "cannot remove an empty file from the spool");
        }
    }

    fn is_starting(&self) -> bool {
        matches!(self.session.reporter.egress().state(), State::Starting)
    }

    /// LiveKit's protocol has no ENDING before LIMIT_REACHED, and a failure is reported once what exists is stored.
    fn report_ending(&mut self, end: &RecordingEnd) {
        if let RecordingEnd::Stopped(_) | RecordingEnd::ConnectionLost = end {
            let reason = end.reason();
            self.session
                .reporter
                .transition(|egress| egress.end(unix_now(), reason));
        }
    }

    /// Packets may arrive after the track's end was reported; they still belong to the recording.
    async fn take_late_packets(&mut self, feed: &mut TrackFeed) {
        let late = async {
            loop {
                match feed.next().await {
                    FeedEvent::Packet(packet) => self.writer.recorder.handle_packet(packet),
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

    fn measure_first_packet(&self) {
        let after = self.session.spec.received.elapsed();
        metrics::first_packet(after);
        let after_ms = milliseconds(after);
        tracing::info!(
            after_ms,
            "the first packet was in the spool {after_ms} ms after the request"
        );
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
