//! The loop that hands packets to the recorder and writes its pages, until the track ends, a stop is requested or a limit
//! is reached.

mod notes;

use std::time::{Duration, Instant};

use domain::manifest::GapCause;
use media::{MuteState, RtpPacket, WallClock};
use rtc::TrackInfo;
use tokio::time::sleep;

use super::{
    context::{Interrupted, Session},
    find::{end_of, until},
    outcome::{FoundTrack, RecordingEnd},
    presence::Presence,
    saved::Recorded,
    state::{EndReason, State},
    track_writer::{TrackWriter, WriterState},
};
#[cfg(test)]
use crate::faults;
use crate::{
    clock::unix_now,
    failure::Failure,
    metrics,
    room::{FeedEvent, TrackFeed},
};

/// How long packets of an ended track are still accepted.
const LATE_PACKETS: Duration = Duration::from_millis(300);

/// The longest wait for the first packet of a track that is not muted. LiveKit's own worker waits 30 s; the room needs
/// longer to try another connection, and to say what prevents the packets.
const FIRST_PACKET_TIMEOUT: Duration = Duration::from_secs(40);

/// A track that is being recorded.
pub struct Listener<'a> {
    session: &'a mut Session,
    track: FoundTrack,
    writer: TrackWriter,
    presence: Presence,
    wall: WallClock,
    mute: MuteState,
    first_packet_deadline: Instant,
    /// Why no packets arrive, as the room last said.
    trouble: Option<Failure>,
    /// Whether a recorder that was away still waits for its first packet. A muted track sends none.
    is_returning: bool,
    is_measured: bool,
}

impl<'a> Listener<'a> {
    pub fn new(
        session: &'a mut Session,
        track: FoundTrack,
        writer: TrackWriter,
        presence: Presence,
        feed: &TrackFeed,
    ) -> Self {
        Self {
            session,
            track,
            presence,
            wall: feed.wall(),
            mute: MuteState::Unmuted,
            first_packet_deadline: Instant::now() + FIRST_PACKET_TIMEOUT,
            trouble: None,
            is_returning: false,
            is_measured: writer.has_audio(),
            writer,
        }
    }

    /// The track is there: an egress whose file exists, or whose track is muted, is active.
    pub fn begin(&mut self, track: &TrackInfo, is_continued: bool) {
        self.is_returning = is_continued;
        self.be_present(Instant::now());
        if let Some(first) = self.writer.recorder.first_packet() {
            self.note_file(first.arrived_at);
        }
        self.handle_mute(mute_state(track));
    }

    /// Records until the track ends, a stop is requested or a limit is reached.
    pub async fn until_end(&mut self, feed: &mut TrackFeed, is_continued: bool) -> Result<RecordingEnd, Interrupted> {
        let signals = self.session.signals.clone();
        let limit_at = self.limit_at();
        if is_continued && limit_at.is_some_and(|at| at <= Instant::now()) {
            return Ok(Failure::interrupted("the limit was reached while the recorder was away").into());
        }
        let mut signal = std::pin::pin!(signals.received());
        loop {
            let WriterState::WaitUntil(wake_at) = self.write() else {
                unreachable!("the recorder is not finished")
            };
            if self.is_too_large() {
                return Ok(RecordingEnd::LimitReached);
            }
            let packet_deadline = self.is_starting().then_some(self.first_packet_deadline);
            tokio::select! {
                signal = &mut signal => match signal.end() {
                    Some(end) => return Ok(end),
                    None => return self.interrupt(Interrupted::Suspended).await,
                },
                () = until(limit_at) => return Ok(RecordingEnd::LimitReached),
                () = until(packet_deadline) => return Ok(self.no_packets()),
                () = until(Some(wake_at)) => self.handle_timeout(),
                event = feed.next() => match self.handle_event(event) {
                    Ok(None) => {}
                    Ok(Some(end)) => return Ok(end),
                    Err(why) => return self.interrupt(why).await,
                },
            }
        }
    }

    /// Writes everything that was received, for whoever continues the file.
    async fn interrupt(&mut self, why: Interrupted) -> Result<RecordingEnd, Interrupted> {
        self.writer.suspend().await;
        Err(why)
    }

    /// Ends the file. Returns what it holds; `None` if no packet was recorded.
    pub async fn finish(&mut self, observed: &RecordingEnd, feed: &mut TrackFeed) -> Option<Recorded> {
        if *observed == RecordingEnd::Stopped(EndReason::SourceClosed) {
            self.take_late_packets(feed).await;
        }
        Recorded::new(self.writer.finish())
    }

    pub fn into_presence(self) -> Presence {
        self.presence
    }

    fn write(&mut self) -> WriterState {
        let state = self.writer.write();
        if !self.is_measured && self.writer.has_audio() {
            self.is_measured = true;
            self.measure_first_packet();
        }
        state
    }

    fn handle_timeout(&mut self) {
        self.writer.handle_timeout(Instant::now());
        let heard = metrics::seconds(self.writer.recorder.samples());
        self.session.at_risk.set(heard);
    }

    /// Returns why the recording ends, if `event` ends it.
    fn handle_event(&mut self, event: FeedEvent) -> Result<Option<RecordingEnd>, Interrupted> {
        match event {
            FeedEvent::Packet(packet) => self.handle_packet(packet),
            FeedEvent::SenderReport(report) => self.writer.recorder.handle_sender_report(report),
            FeedEvent::Lost(at) => self.handle_lost(at),
            FeedEvent::Reconnected(at) => self.handle_reconnected(at),
            FeedEvent::Mute(state) => self.handle_mute(state),
            // If encryption is switched on later, the following packets are ciphertext.
            FeedEvent::Published(track) if track.encrypted => return Ok(Some(Failure::encrypted(&track.sid).into())),
            FeedEvent::Published(track) => self.handle_mute(mute_state(&track)),
            FeedEvent::Trouble(failure) => self.trouble = Some(failure),
            FeedEvent::Dropped(arrivals) => self.writer.recorder.note_hole(arrivals, GapCause::Overload),
            FeedEvent::Joined => {}
            FeedEvent::Ended(end) => return end_of(end).map(Some),
        }
        Ok(None)
    }

    /// The first packet makes the egress active, and starts the file of a track that was muted so far.
    fn handle_packet(&mut self, packet: RtpPacket) {
        let arrived_at = self.wall.unix_nanos_at(packet.arrival);
        self.trouble = None;
        self.presence.hear();
        #[cfg(test)]
        faults::pass(faults::Point::Packet, self.session.seat.egress_id.as_str());
        self.writer.handle_packet(packet);
        self.note_file(arrived_at);
        if std::mem::take(&mut self.is_returning) {
            self.report_return();
        }
    }

    fn handle_lost(&mut self, at: Instant) {
        self.writer.recorder.handle_lost(at);
        self.presence.lose(self.wall.unix_nanos_at(at), self.mute);
        self.save_presence();
    }

    fn handle_reconnected(&mut self, at: Instant) {
        self.writer.recorder.handle_reconnect(at);
        self.be_present(at);
    }

    /// A muted track is active without a packet; its file starts with the first one. A recorder that was away hears a
    /// muted track again as soon as it is subscribed to.
    fn handle_mute(&mut self, state: MuteState) {
        let now = Instant::now();
        self.mute = state;
        if state == MuteState::Muted && std::mem::take(&mut self.is_returning) {
            self.writer.recorder.handle_reconnect(now);
            self.report_return();
        }
        self.writer.recorder.handle_mute(now, state);
        if state == MuteState::Muted && self.is_starting() {
            let file = self.track.open_file(None);
            self.session
                .reporter
                .transition(|egress| egress.activate(unix_now(), file));
        }
    }

    fn is_starting(&self) -> bool {
        matches!(self.session.reporter.egress().state(), State::Starting)
    }

    fn is_too_large(&self) -> bool {
        let limit = self.session.context.limits.max_size_bytes;
        limit.is_some_and(|limit| self.writer.size_bytes() >= limit)
    }

    /// When the limit of the duration is reached, which counts from when the track was found, whichever process that was.
    fn limit_at(&self) -> Option<Instant> {
        let limit = self.session.context.limits.max_duration?;
        Some(self.wall.instant_at(self.track.found_at) + limit)
    }

    fn no_packets(&self) -> RecordingEnd {
        let unnamed = || Failure::no_packets(&self.session.spec.track_sid);
        self.trouble.clone().unwrap_or_else(unnamed).into()
    }

    /// Packets may arrive after the track's end was reported; they still belong to the recording.
    async fn take_late_packets(&mut self, feed: &mut TrackFeed) {
        let late = async {
            loop {
                match feed.next().await {
                    FeedEvent::Packet(packet) => self.writer.handle_packet(packet),
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
}

fn mute_state(track: &TrackInfo) -> MuteState {
    if track.muted {
        MuteState::Muted
    } else {
        MuteState::Unmuted
    }
}
