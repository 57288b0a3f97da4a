//! A participant that sends numbered packets at fixed times, and comes back if LiveKit drops it, as a browser does.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rtc::{
    ConnectConfig,
    publisher::{self, AudioOptions, AudioTrack, OpusFrame, PublisherEvent},
};
use secrecy::SecretString;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    sent::{Sent, SentRun},
    tones::Tones,
};

/// Length of a packet.
pub const PACKET: Duration = Duration::from_millis(20);

/// Packets are queued this long before they are sent, so that a late wake-up delays none.
const LEAD: Duration = Duration::from_millis(60);

/// Pause before LiveKit is asked again.
const REJOIN_PAUSE: Duration = Duration::from_millis(300);

/// How long LiveKit may take to announce a change of mute before packets follow.
const MUTE_PAUSE: Duration = Duration::from_millis(300);

/// Lets the last packets arrive before the participant leaves.
const LEAVE_PAUSE: Duration = Duration::from_millis(300);

/// Who sends what, and where.
#[derive(Clone)]
pub struct SpeakerConfig {
    pub identity: String,
    /// What the reports call the speaker.
    pub label: String,
    pub livekit: Url,
    pub token: SecretString,
    pub tones: Arc<Tones>,
    /// Packets into the sound at which the track starts.
    pub offset: i64,
    pub starts_muted: bool,
}

/// A participant that sends until [`Speaker::leave`].
pub struct Speaker {
    muted: watch::Sender<bool>,
    stop: CancellationToken,
    sent: Arc<Mutex<Sent>>,
    task: JoinHandle<()>,
}

impl Speaker {
    /// Starts to join; [`Speaker::track_sid`] tells when it is in the room.
    pub fn start(config: SpeakerConfig) -> Self {
        let (muted, wants_mute) = watch::channel(config.starts_muted);
        let stop = CancellationToken::new();
        let sent = Arc::new(Mutex::new(Sent::new(
            config.identity.clone(),
            config.label.clone(),
            config.offset,
        )));
        let sending = Sending {
            config,
            wants_mute,
            stop: stop.clone(),
            sent: sent.clone(),
        };
        Self {
            muted,
            stop,
            sent,
            task: tokio::spawn(sending.run()),
        }
    }

    /// The current track, once it is published.
    pub fn track_sid(&self) -> Option<String> {
        lock(&self.sent).track_sids.last().cloned()
    }

    pub fn set_muted(&self, muted: bool) {
        self.muted.send_replace(muted);
    }

    /// Stops, leaves the room, and returns what was sent.
    pub async fn leave(self) -> Sent {
        self.stop.cancel();
        let _finished = self.task.await;
        lock(&self.sent).clone()
    }
}

fn lock(sent: &Mutex<Sent>) -> MutexGuard<'_, Sent> {
    sent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task of a speaker.
struct Sending {
    config: SpeakerConfig,
    wants_mute: watch::Receiver<bool>,
    stop: CancellationToken,
    sent: Arc<Mutex<Sent>>,
}

/// A joined participant with a published track.
struct Joined {
    publisher: publisher::Publisher,
    events: mpsc::Receiver<PublisherEvent>,
    track: AudioTrack,
    is_muted: bool,
}

impl Sending {
    async fn run(mut self) {
        while !self.stop.is_cancelled() {
            match self.join().await {
                Some(joined) => self.send_until_left(joined).await,
                None => tokio::time::sleep(REJOIN_PAUSE).await,
            }
        }
    }

    async fn join(&self) -> Option<Joined> {
        let token = self.config.token.clone();
        let config = ConnectConfig::new(self.config.livekit.clone(), move || token.clone());
        let (publisher, events) = publisher::join(config).await.ok()?;
        let is_muted = *self.wants_mute.borrow();
        let options = AudioOptions {
            dtx: false,
            muted: is_muted,
            ..AudioOptions::default()
        };
        let track = publisher.publish_audio(options).await.ok()?;
        lock(&self.sent).track_sids.push(track.sid().to_string());
        Some(Joined {
            publisher,
            events,
            track,
            is_muted,
        })
    }

    async fn send_until_left(&mut self, mut joined: Joined) {
        let mut number = self.next_number();
        let mut is_new_run = true;
        loop {
            let wants_mute = *self.wants_mute.borrow();
            if wants_mute != joined.is_muted {
                joined.change_mute(wants_mute).await;
                (number, is_new_run) = (self.next_number(), true);
            }
            if self.stop.is_cancelled() {
                tokio::time::sleep(LEAVE_PAUSE).await;
                return joined.publisher.leave().await;
            }
            if joined.has_left() {
                return;
            }
            if joined.is_muted {
                tokio::time::sleep(PACKET).await;
                number = self.next_number();
                continue;
            }
            if self.send(&joined.track, number).await.is_none() {
                return;
            }
            self.note(number, is_new_run, &joined.track);
            (number, is_new_run) = (number + 1, false);
        }
    }

    /// The first packet that can still be sent in time.
    fn next_number(&self) -> i64 {
        lock(&self.sent).number_at(Instant::now() + 2 * LEAD)
    }

    async fn send(&self, track: &AudioTrack, number: i64) -> Option<()> {
        let at = lock(&self.sent).instant_of(number);
        let early = at.checked_sub(LEAD).unwrap_or(at);
        tokio::time::sleep_until(early.into()).await;
        let frame = OpusFrame {
            at,
            timestamp: track.timestamp_at(at),
            payload: self.config.tones.packet(self.config.offset, number),
        };
        track.send(frame).await.ok()
    }

    fn note(&self, number: i64, is_new_run: bool, track: &AudioTrack) {
        let mut sent = lock(&self.sent);
        if is_new_run {
            sent.runs.push(SentRun {
                track_sid: track.sid().to_string(),
                first: number,
                until: number,
            });
        }
        if let Some(run) = sent.runs.last_mut() {
            run.until = number + 1;
        }
    }
}

impl Joined {
    /// Sends nothing while LiveKit announces the change.
    async fn change_mute(&mut self, muted: bool) {
        tokio::time::sleep(LEAD + PACKET).await;
        let _may_have_left = if muted { self.track.mute() } else { self.track.unmute() };
        tokio::time::sleep(MUTE_PAUSE).await;
        self.is_muted = muted;
    }

    fn has_left(&mut self) -> bool {
        loop {
            match self.events.try_recv() {
                Ok(PublisherEvent::Left(_)) | Err(mpsc::error::TryRecvError::Disconnected) => return true,
                Ok(_) => {}
                Err(mpsc::error::TryRecvError::Empty) => return false,
            }
        }
    }
}
