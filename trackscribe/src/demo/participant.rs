//! The participants of the demo: real WebRTC participants that join with tokens of the API.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use url::Url;

use super::voices::Voice;
use crate::{api::Api, publisher::Publisher, setup::Secrets};

/// Index of a packet in each voice's first second, which is silent.
const SILENT_FRAME: usize = 10;

/// Lets the last packets arrive before the participant leaves.
const LEAVE_DELAY: Duration = Duration::from_millis(300);

/// The room of the demo.
#[derive(Clone, Copy)]
pub struct Room<'a> {
    pub api: &'a Api,
    pub name: &'a str,
    pub secrets: &'a Secrets,
}

/// A participant in the room with a published microphone.
pub struct Participant {
    publisher: Publisher,
    frames: Vec<Bytes>,
}

/// Tells participants when to speak; until then they send silence.
#[derive(Clone, Default)]
pub struct StartSignal(Arc<AtomicBool>);

impl StartSignal {
    pub fn send(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_sent(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Participant {
    /// Joins as `name`, which need not be the name of the voice.
    pub async fn join(room: Room<'_>, voice: &Voice, name: &str) -> Result<Self> {
        let failed = || format!("{name} cannot join the room");
        let join = room.api.join(room.name, name).await.with_context(failed)?;
        let token = room
            .secrets
            .livekit
            .publish_only_token(&join.token)
            .with_context(failed)?;
        let url = Url::parse(&join.url).context("the API returned an invalid URL of LiveKit")?;
        Ok(Self {
            publisher: Publisher::join(url, token).await.with_context(failed)?,
            frames: voice.frames()?,
        })
    }

    /// Sends silence until the signal, then the whole voice, then leaves.
    pub async fn speak(self, start: StartSignal) -> Result<()> {
        let silence = self.frames[SILENT_FRAME.min(self.frames.len() - 1)].clone();
        let waiting = std::iter::from_fn(move || (!start.is_sent()).then(|| silence.clone()));
        self.publisher
            .track
            .play(waiting.chain(self.frames))
            .await
            .context("the connection to the room ended early")?;
        tokio::time::sleep(LEAVE_DELAY).await;
        self.publisher.leave().await;
        Ok(())
    }
}
