//! What a bench runs against: a whole stack on free ports, and the ways into it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use boot::Shutdown;
use clap::Args;
use livekit_api::services::egress::EgressClient;
use rtc::token::ApiKey;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::speaker::Speaker;
use crate::{
    api::Api,
    setup::Site,
    up::{programs::ProgramArgs, stack, stack::Stack},
};

#[derive(Debug, Args)]
pub struct StandArgs {
    /// Where data, secrets, logs and configuration are kept; made at the first start
    #[arg(long, env = "TRACKSCRIBE_DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    data_dir: PathBuf,
    #[command(flatten)]
    programs: ProgramArgs,
}

/// A running stack.
pub struct Stand {
    pub site: Site,
    pub api: Api,
    pub egress: EgressClient,
    key: ApiKey,
    livekit: Url,
}

impl Stand {
    /// Runs `bench` against a fresh stack and stops that, whatever came of it.
    pub async fn with(
        args: StandArgs,
        shutdown: &Shutdown,
        bench: impl AsyncFnOnce(&Self) -> Result<()>,
    ) -> Result<()> {
        println!("starting PostgreSQL, Redis, livekit-server, server, worker and egress on free ports");
        let site = Site::brief(&args.data_dir)?;
        let Some(stack) = stack::start(site, args.programs.find()?, shutdown).await? else {
            bail!("stopped")
        };
        let measured = async { bench(&Self::of(&stack)?).await };
        let outcome = shutdown.graceful.run_until_cancelled(measured).await;
        stack.stop().await;
        outcome.unwrap_or_else(|| bail!("stopped"))
    }

    fn of(stack: &Stack) -> Result<Self> {
        let (site, secrets) = (stack.prepared.site.clone(), &stack.prepared.secrets);
        let admin = std::fs::read_to_string(site.data.admin_key()).context("the admin key cannot be read")?;
        let livekit = Url::parse(&site.livekit_url())?;
        let http = site.livekit_url().replacen("ws", "http", 1);
        let secret = secrets.livekit.secret.expose_secret();
        Ok(Self {
            api: Api::new(&site.api_url(), SecretString::from(admin.trim()))?,
            egress: EgressClient::with_api_key(&http, &secrets.livekit.key, secret),
            key: secrets.livekit.clone(),
            livekit,
            site,
        })
    }

    /// A name that no room has had.
    pub fn new_room(&self) -> String {
        format!("bench-{}", hex::encode(rand::random::<[u8; 6]>()))
    }

    /// Someone who talks on in `room`. A room that the API does not know is none of our server's business.
    pub async fn speaker(&self, room: &str, identity: &str, frames: Vec<bytes::Bytes>) -> Result<Speaker> {
        let token = self.key.publisher_token(room, identity, identity)?;
        Speaker::join(self.livekit.clone(), token, frames).await
    }
}
