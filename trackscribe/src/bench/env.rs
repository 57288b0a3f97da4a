//! What the benches use: a running stack and its clients.

use std::path::PathBuf;

use anyhow::Result;
use boot::Shutdown;
use bytes::Bytes;
use livekit_api::services::egress::EgressClient;
use rtc::token::ApiKey;
use secrecy::ExposeSecret;
use url::Url;

use super::publisher::BenchPublisher;
use crate::{
    api::Api,
    setup::DataDir,
    temporary_stack::{STARTING, StackArgs, TemporaryStack, new_room, until_shutdown},
};

/// A running stack.
pub struct BenchEnv {
    pub data: DataDir,
    pub api: Api,
    pub egress: EgressClient,
    livekit_key: ApiKey,
    livekit_url: Url,
}

impl BenchEnv {
    /// Starts a stack, runs `bench` and stops the stack.
    pub async fn with(
        args: StackArgs,
        shutdown: &Shutdown,
        bench: impl AsyncFnOnce(&Self) -> Result<()>,
    ) -> Result<()> {
        println!("{STARTING}");
        let stack = TemporaryStack::start(&args, &[], shutdown).await?;
        let outcome = until_shutdown(shutdown, async { bench(&Self::of(&stack)?).await }).await;
        stack.stop().await;
        outcome
    }

    fn of(stack: &TemporaryStack) -> Result<Self> {
        let prepared = stack.prepared();
        let (site, key) = (&prepared.site, &prepared.secrets.livekit);
        let http_url = site.livekit_url().replacen("ws", "http", 1);
        Ok(Self {
            api: stack.api()?,
            egress: EgressClient::with_api_key(&http_url, &key.key, key.secret.expose_secret()),
            livekit_key: key.clone(),
            livekit_url: Url::parse(&site.livekit_url())?,
            data: site.data.clone(),
        })
    }

    /// Returns an unused name. Only rooms that the API creates are recorded automatically.
    pub fn new_room(&self) -> String {
        new_room("bench")
    }

    /// Joins a room with a token that LiveKit's API key signs, so that the room need not be one of Trackscribe's.
    pub async fn publisher(&self, room: &str, identity: &str, frames: Vec<Bytes>) -> Result<BenchPublisher> {
        let token = self.livekit_key.publisher_token(room, identity, identity)?;
        BenchPublisher::join(self.livekit_url.clone(), token, frames).await
    }

    /// Path of an object in the stack's store.
    pub fn object(&self, key: &str) -> PathBuf {
        self.data.objects().join(key)
    }
}
