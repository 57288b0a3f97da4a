//! Two people meet: joined by tokens of the API, as real WebRTC participants.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use rtc::{
    ConnectConfig,
    publisher::{self, AudioOptions, AudioTrack, Publisher},
};
use url::Url;

use super::voices::Voice;
use crate::{api::Api, setup::Secrets};

/// A packet of each voice's first second, in which it is silent.
const SILENT_FRAME: usize = 10;

/// Lets the last packets arrive before the good-bye.
const LAST_WORD: Duration = Duration::from_millis(300);

/// Where people meet, and what a demo knows beyond its users.
#[derive(Clone, Copy)]
pub struct Venue<'a> {
    pub api: &'a Api,
    pub room: &'a str,
    pub secrets: &'a Secrets,
}

/// Someone in the room, with a microphone that is on.
pub struct Participant {
    publisher: Publisher,
    track: AudioTrack,
    frames: Vec<Bytes>,
    /// Keeps the session's events flowing; nothing in so short a meeting needs an answer.
    _events: tokio::sync::mpsc::Receiver<publisher::PublisherEvent>,
}

/// Whether the conversation has begun; until then microphones carry silence.
#[derive(Clone, Default)]
pub struct Cue(Arc<AtomicBool>);

impl Cue {
    pub fn give(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Participant {
    /// Joins under `name`, which may be another's: the sound is always the voice's own.
    pub async fn join(venue: Venue<'_>, voice: &Voice, name: &str) -> Result<Self> {
        let failed = || format!("{} cannot join the room", voice.name);
        let join = venue.api.join(venue.room, name).await.with_context(failed)?;
        let token = venue
            .secrets
            .livekit
            .publish_only_token(&join.token)
            .with_context(failed)?;
        let url = Url::parse(&join.url).context("the API gives an address that is none")?;
        let config = ConnectConfig::new(url, move || token.clone());
        let (publisher, events) = publisher::join(config).await.with_context(failed)?;
        let options = AudioOptions {
            dtx: false,
            ..AudioOptions::default()
        };
        let track = publisher.publish_audio(options).await.with_context(failed)?;
        Ok(Self {
            publisher,
            track,
            frames: voice.frames()?,
            _events: events,
        })
    }

    /// Is silent until the cue, then says everything, then leaves.
    pub async fn talk(self, cue: Cue) -> Result<()> {
        let silence = self.frames[SILENT_FRAME.min(self.frames.len() - 1)].clone();
        let waiting = std::iter::from_fn(move || (!cue.0.load(Ordering::Relaxed)).then(|| silence.clone()));
        self.track
            .play(waiting.chain(self.frames))
            .await
            .context("the room was lost while someone talked")?;
        tokio::time::sleep(LAST_WORD).await;
        self.publisher.leave().await;
        Ok(())
    }
}
