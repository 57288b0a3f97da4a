//! A published track that, like a real microphone, sends all the time: silence, unless something is played.

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

/// Length of a packet.
const FRAME: Duration = Duration::from_millis(20);

/// How long before its time a sound must be known; more than `rtc` wants a frame before it goes out.
const LEAD: Duration = Duration::from_millis(200);

/// How a microphone begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MuteState {
    Live,
    Muted,
}

/// Ends, unpublished, when it is told to or when the session is over.
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
        let (commands, orders) = mpsc::unbounded_channel();
        let sid = track.sid().to_owned();
        Self {
            sid,
            commands,
            _sending: tokio::spawn(Sender::new(track, orders, state).run()),
        }
    }

    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Plays a sound as soon as possible, in real time; returns when its last packet is out.
    ///
    /// # Panics
    /// Like all calls here, when the session is over.
    pub async fn play(&self, sound: &[f32]) {
        self.play_at(Instant::now() + LEAD, sound).await;
    }

    /// Plays a sound so that its first sample is sent for this very moment, 200 ms ahead at least.
    pub async fn play_at(&self, at: Instant, sound: &[f32]) {
        let (played, done) = oneshot::channel();
        self.command(Command::Play {
            sound: sound.to_vec(),
            at,
            played,
        });
        done.await.expect("the session goes on");
    }

    /// Says that it is muted, and sends nothing any more.
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
        self.commands.send(command).expect("the session goes on");
    }
}

/// What is sent, packet by packet.
struct Sender {
    track: AudioTrack,
    orders: mpsc::UnboundedReceiver<Command>,
    encoder: FrameEncoder,
    /// When the packet goes out that comes next, and its timestamp.
    next: (Instant, u32),
    /// Sound that waits, from the next packet's first sample on.
    waiting: VecDeque<f32>,
    /// Who is to be told when all of it is out.
    played: Option<oneshot::Sender<()>>,
    is_muted: bool,
}

impl Sender {
    fn new(track: AudioTrack, orders: mpsc::UnboundedReceiver<Command>, state: MuteState) -> Self {
        let at = Instant::now() + FRAME;
        let next = (at, track.timestamp_at(at));
        let (waiting, encoder) = (VecDeque::new(), FrameEncoder::default());
        Self {
            track,
            orders,
            encoder,
            next,
            waiting,
            played: None,
            is_muted: state == MuteState::Muted,
        }
    }

    async fn run(mut self) -> Result<(), PublishError> {
        loop {
            while let Ok(order) = self.orders.try_recv() {
                match order {
                    Command::Play { sound, at, played } => self.line_up(&sound, at, played),
                    Command::Mute => self.mute()?,
                    Command::Unmute => self.unmute()?,
                    Command::Unpublish => return self.track.unpublish(),
                }
            }
            self.send_next().await?;
        }
    }

    fn line_up(&mut self, sound: &[f32], at: Instant, played: oneshot::Sender<()>) {
        let ahead = at.saturating_duration_since(self.next.0);
        let silence = (ahead.as_secs_f64() * SAMPLE_RATE as f64).round() as usize;
        self.waiting = std::iter::repeat_n(0.0, silence).chain(sound.iter().copied()).collect();
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
        let piece: Vec<f32> = self.waiting.drain(..FRAME_SAMPLES.min(self.waiting.len())).collect();
        if self.is_muted {
            sleep_until(at.into()).await;
        } else {
            let payload = self.encoder.encode(&piece);
            self.track.send(OpusFrame { at, timestamp, payload }).await?;
        }
        self.next = (at + FRAME, timestamp.wrapping_add(FRAME_SAMPLES as u32));
        if self.waiting.is_empty()
            && let Some(played) = self.played.take()
        {
            sleep_until((at + FRAME).into()).await;
            // Nobody waits any more: the test has gone on.
            let _ = played.send(());
        }
        Ok(())
    }
}
