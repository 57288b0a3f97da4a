//! The loop while a track is recorded: packets in, pages out, until something ends it.

use std::{
    io,
    time::{Duration, Instant},
};

use media::{MuteState, RtpPacket};
use tokio::time::sleep_until;

use super::{
    capture::{Capture, Next},
    run::{Found, Session},
    state::{EndReason, OpenFile, State},
};
use crate::{
    clock::unix_ns,
    failure::Failure,
    metrics,
    room::{FeedEnd, FeedEvent, TrackFeed},
};

/// Why the loop ended.
pub(super) enum Ending {
    Stopped(EndReason),
    /// When, in nanoseconds since 1970.
    Limit(i64),
    ConnectionLost,
    Failed(Failure),
}

impl Ending {
    pub(super) fn reason(&self) -> EndReason {
        match self {
            Self::Stopped(reason) => *reason,
            Self::Limit(_) => EndReason::LimitReached,
            Self::ConnectionLost | Self::Failed(_) => EndReason::Failure,
        }
    }
}

impl Session {
    /// Records until the track, somebody or a limit ends it. An error is the spool's.
    pub(super) async fn listen(
        &mut self,
        feed: &mut TrackFeed,
        capture: &mut Capture,
        found: &Found,
    ) -> io::Result<Ending> {
        let limits = self.context.limits;
        let interrupts = self.interrupts.clone();
        let ends_at = limits.max_duration.map(|limit| Instant::now() + limit);
        let mut is_spooled = false;
        loop {
            let next = match capture.write().await? {
                Next::At(deadline) => Some(deadline),
                Next::OnPacket | Next::Nothing(_) => None,
            };
            if !is_spooled && capture.has_sound() {
                is_spooled = true;
                self.note_spooled();
            }
            if limits.max_size_bytes.is_some_and(|limit| capture.size_bytes() >= limit) {
                return Ok(Ending::Limit(unix_ns()));
            }
            let is_starting = matches!(self.reporter.egress().state(), State::Starting);
            tokio::select! {
                reason = interrupts.any() => return Ok(Ending::Stopped(reason)),
                () = until(ends_at) => return Ok(Ending::Limit(unix_ns())),
                () = until(is_starting.then_some(found.deadline)) => {
                    return Ok(Ending::Failed(Failure::track_not_found(self.spec.track_sid.as_str())));
                }
                () = until(next) => capture.recorder.handle_timeout(Instant::now()),
                event = feed.next() => if let Some(ending) = self.take(event, capture, found) {
                    return Ok(ending);
                },
            }
        }
    }

    fn take(&mut self, event: FeedEvent, capture: &mut Capture, found: &Found) -> Option<Ending> {
        match event {
            FeedEvent::Packet(packet) => self.hear(packet, capture, found),
            FeedEvent::SenderReport(report) => capture.recorder.handle_sender_report(report),
            FeedEvent::Reconnected(at) => capture.recorder.handle_reconnect(at),
            FeedEvent::Mute(MuteState::Muted) if matches!(self.reporter.egress().state(), State::Starting) => {
                self.begin_muted(capture, found);
            }
            FeedEvent::Mute(state) => capture.recorder.handle_mute(Instant::now(), state),
            // A key exchange that began later would make ciphertext of what follows.
            FeedEvent::Published(track) if track.encrypted => {
                return Some(Ending::Failed(Failure::encrypted(&track.sid)));
            }
            FeedEvent::Published(_) => {}
            FeedEvent::Ended(FeedEnd::SourceClosed) => return Some(Ending::Stopped(EndReason::SourceClosed)),
            FeedEvent::Ended(FeedEnd::ConnectionLost) => return Some(Ending::ConnectionLost),
            FeedEvent::Ended(FeedEnd::Refused(failure)) => return Some(Ending::Failed(failure)),
        }
        None
    }

    fn hear(&mut self, packet: RtpPacket, capture: &mut Capture, found: &Found) {
        let arrived_at = self.context.wall.ns_at(packet.arrival);
        capture.recorder.handle_packet(packet);
        match self.reporter.egress().state() {
            State::Starting => {
                let file = OpenFile {
                    filename: found.name.filename.clone(),
                    started_at: Some(arrived_at),
                };
                self.reporter.transition(|egress| egress.activate(unix_ns(), file));
            }
            State::Active(file) if file.started_at.is_none() => {
                self.reporter.note(|egress| egress.file_begins(arrived_at))
            }
            _ => return,
        }
        let after_ms = milliseconds(self.spec.received.elapsed());
        tracing::info!(after_ms, "the first packet came {after_ms} ms after the request");
    }

    fn note_spooled(&self) {
        let after = self.spec.received.elapsed();
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
