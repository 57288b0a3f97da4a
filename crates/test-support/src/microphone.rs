//! A published track that, like a real microphone, sends all the time: silence, unless a sound is played.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rtc::publisher::{AudioTrack, OpusFrame, PublishError};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::sleep_until,
};

use crate::audio::{FRAME_SAMPLES, FrameEncoder, SAMPLE_RATE};

/// Duration of a packet.
const FRAME: Duration = Duration::from_millis(20);

/// How long before its first sample is sent a sound must be given. `rtc` needs each frame earlier than it is sent.
const LEAD: Duration = Duration::from_millis(200);

/// Whether a microphone is muted when it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MuteState {
    Live,
    Muted,
}

/// A published audio track. It stops sending when it is unpublished or the session ends.
#[derive(Debug)]
pub struct Microphone {
    sid: String,
    commands: mpsc::UnboundedSender<Command>,
    _sending: JoinHandle<Result<(), PublishError>>,
}

#[derive(Debug)]
enum Command {
    Play {
        sound: Vec<f32>,
        at: Instant,
        played: oneshot::Sender<()>,
    },
    Mute,
    Unmute,
    Unpublish,
}

impl Microphone {
    pub(crate) fn new(track: AudioTrack, state: MuteState) -> Self {
        let (commands, receiver) = mpsc::unbounded_channel();
        let sid = track.sid().to_string();
        Self {
            sid,
            commands,
            _sending: tokio::spawn(Sender::new(track, receiver, state).run()),
        }
    }

    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Plays a sound in real time, starting in 200 ms. Returns when its last packet was sent.
    ///
    /// # Panics
    /// Like the other methods, when the session has ended.
    pub async fn play(&self, sound: &[f32]) {
        self.play_at(Instant::now() + LEAD, sound).await;
    }

    /// Plays a sound whose first sample is timed for `at`, which must be at least 200 ms from now.
    pub async fn play_at(&self, at: Instant, sound: &[f32]) {
        let (played, done) = oneshot::channel();
        self.command(Command::Play {
            sound: sound.to_vec(),
            at,
            played,
        });
        done.await.expect("the session has not ended");
    }

    /// Mutes the track and stops sending.
    pub fn mute(&self) {
        self.command(Command::Mute);
    }

    pub fn unmute(&self) {
        self.command(Command::Unmute);
    }

    pub fn unpublish(self) {
        self.command(Command::Unpublish);
    }

    fn command(&self, command: Command) {
        self.commands.send(command).expect("the session has not ended");
    }
}

/// The task that encodes and sends packets.
struct Sender {
    track: AudioTrack,
    commands: mpsc::UnboundedReceiver<Command>,
    encoder: FrameEncoder,
    /// When the next packet is sent, and its RTP timestamp.
    next: (Instant, u32),
    /// Samples not sent yet, starting with the next packet.
    queued: VecDeque<f32>,
    /// Notified when all samples were sent.
    played: Option<oneshot::Sender<()>>,
    is_muted: bool,
}

impl Sender {
    fn new(track: AudioTrack, commands: mpsc::UnboundedReceiver<Command>, state: MuteState) -> Self {
        let at = Instant::now() + FRAME;
        let next = (at, track.timestamp_at(at));
        let (queued, encoder) = (VecDeque::new(), FrameEncoder::default());
        Self {
            track,
            commands,
            encoder,
            next,
            queued,
            played: None,
            is_muted: state == MuteState::Muted,
        }
    }

    async fn run(mut self) -> Result<(), PublishError> {
        loop {
            while let Ok(command) = self.commands.try_recv() {
                match command {
                    Command::Play { sound, at, played } => self.enqueue(&sound, at, played),
                    Command::Mute => self.mute()?,
                    Command::Unmute => self.unmute()?,
                    Command::Unpublish => return self.track.unpublish(),
                }
            }
            self.send_next().await?;
        }
    }

    fn enqueue(&mut self, sound: &[f32], at: Instant, played: oneshot::Sender<()>) {
        let ahead = at.saturating_duration_since(self.next.0);
        let silence = (ahead.as_secs_f64() * SAMPLE_RATE as f64).round() as usize;
        self.queued = std::iter::repeat_n(0.0, silence).chain(sound.iter().copied()).collect();
        self.played = Some(played);
    }

    fn mute(&mut self) -> Result<(), PublishError> {
        self.is_muted = true;
        self.track.mute()
    }

    fn unmute(&mut self) -> Result<(), PublishError> {
        self.is_muted = false;
        self.track.unmute()
    }

    async fn send_next(&mut self) -> Result<(), PublishError> {
        let (at, timestamp) = self.next;
        let piece: Vec<f32> = self.queued.drain(..FRAME_SAMPLES.min(self.queued.len())).collect();
        if self.is_muted {
            sleep_until(at.into()).await;
        } else {
            let payload = self.encoder.encode(&piece);
            self.track.send(OpusFrame { at, timestamp, payload }).await?;
        }
        self.next = (at + FRAME, timestamp.wrapping_add(FRAME_SAMPLES as u32));
        if self.queued.is_empty()
            && let Some(played) = self.played.take()
        {
            sleep_until((at + FRAME).into()).await;
            // The receiver is gone if the test dropped the call to `play`.
            let _ = played.send(());
        }
        Ok(())
    }
}
