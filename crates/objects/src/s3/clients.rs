//! The SDK's clients of one store, replaced when the store denies their credentials.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use aws_sdk_s3::Client;

use super::client;
use crate::{OpenError, S3Config};

/// Shortest time between two replacements, so that a store that denies everything does not keep us busy.
const MIN_INTERVAL: Duration = Duration::from_secs(5);

/// The clients of one store.
pub struct Clients {
    config: S3Config,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    store: Client,
    /// Signs URLs for browsers.
    public: Option<Client>,
    built_at: Instant,
}

impl Clients {
    /// Builds the clients. Sends no request.
    pub fn build(config: &S3Config) -> Result<Self, OpenError> {
        Ok(Self {
            config: config.clone(),
            current: RwLock::new(Current::build(config)?),
        })
    }

    pub fn store(&self) -> Client {
        self.current().store
    }

    /// The client for URLs that browsers can reach, if there are such URLs.
    pub fn public(&self) -> Option<Client> {
        self.current().public
    }

    /// Reads the credentials again and replaces the clients, after the store has denied the credentials.
    pub async fn renew(self: &Arc<Self>) {
        let is_due = self.current().built_at.elapsed() >= MIN_INTERVAL;
        if !is_due || !self.config.credentials.can_change() {
            return;
        }
        let clients = self.clone();
        // Reading files blocks.
        let renewed = tokio::task::spawn_blocking(move || clients.replace()).await;
        if let Ok(Err(error)) = renewed {
            tracing::warn!(error, "cannot read the credentials of the object store again");
        }
    }

    /// Returns the error with its causes, none of which contains a secret.
    fn replace(&self) -> Result<(), String> {
        let credentials = self
            .config
            .credentials
            .read_again()
            .map_err(|error| with_causes(&*error))?;
        let config = S3Config {
            credentials,
            ..self.config.clone()
        };
        let renewed = Current::build(&config).map_err(|error| with_causes(&error))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Current {
    fn build(config: &S3Config) -> Result<Self, OpenError> {
        let public = config.public_url.as_ref();
        Ok(Self {
            store: client::build(config, config.endpoint.as_ref())?,
            public: public.map(|url| client::build(config, Some(url))).transpose()?,
            built_at: Instant::now(),
        })
    }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |cause| (*cause).source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
