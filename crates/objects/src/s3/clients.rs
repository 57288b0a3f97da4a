//! The SDK's clients of one store, replaced when the store denies their credentials.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use aws_sdk_s3::Client;

use super::client;
use crate::{Credentials, OpenError, S3Config};

/// Shortest time between two replacements, so that a store that denies everything does not keep us busy.
const MIN_INTERVAL: Duration = Duration::from_secs(5);

/// Age of the credentials of URLs for browsers at which they are read again: it is the browser that a store denies
/// revoked ones, and it does not tell us. Reading keys costs as much as reading a file; the default chain may send
/// requests.
const MAX_KEYS_AGE: Duration = Duration::from_secs(5);
const MAX_CHAIN_AGE: Duration = Duration::from_secs(300);

/// The clients of one store.
pub struct Clients {
    config: S3Config,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    credentials: Credentials,
    store: Client,
    /// Signs URLs for browsers.
    public: Option<Client>,
    /// When the credentials were read.
    read_at: Instant,
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

    /// The client for URLs that browsers can reach, if there are such URLs. Its credentials are read again after a while.
    pub async fn public(self: &Arc<Self>) -> Option<Client> {
        let (current, credentials) = (self.current(), &self.config.credentials);
        let max_age = credentials.keys().map_or(MAX_CHAIN_AGE, |_| MAX_KEYS_AGE);
        current.public.as_ref()?;
        if current.read_at.elapsed() >= max_age && credentials.can_change() {
            self.read_credentials().await;
        }
        self.current().public
    }

    /// Reads the credentials again and replaces the clients if others are found, after the store has denied the credentials.
    pub async fn renew(self: &Arc<Self>) {
        let is_due = self.current().read_at.elapsed() >= MIN_INTERVAL;
        if is_due && self.config.credentials.can_change() {
            self.read_credentials().await;
        }
    }

    async fn read_credentials(self: &Arc<Self>) {
        let clients = self.clone();
        // Reading files blocks.
        let renewed = tokio::task::spawn_blocking(move || clients.replace()).await;
        if let Ok(Err(error)) = renewed {
            tracing::warn!(error, "cannot read the credentials of the object store again");
        }
    }

    /// Returns the error with its causes, none of which contains a secret. After an error too, the next time comes after
    /// the interval.
    fn replace(&self) -> Result<(), String> {
        let renewed = self.renewed();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.read_at = Instant::now();
        if let Some(renewed) = renewed? {
            *current = renewed;
        }
        Ok(())
    }

    /// Returns `None` if the keys are the same.
    fn renewed(&self) -> Result<Option<Current>, String> {
        let credentials = self
            .config
            .credentials
            .read_again()
            .map_err(|error| with_causes(&*error))?;
        if credentials.keys().is_some() && credentials == self.current().credentials {
            return Ok(None);
        }
        let config = S3Config {
            credentials,
            ..self.config.clone()
        };
        Current::build(&config).map(Some).map_err(|error| with_causes(&error))
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Current {
    fn build(config: &S3Config) -> Result<Self, OpenError> {
        let public = config.public_url.as_ref();
        Ok(Self {
            credentials: config.credentials.clone(),
            store: client::build(config, config.endpoint.as_ref())?,
            public: public.map(|url| client::build(config, Some(url))).transpose()?,
            read_at: Instant::now(),
        })
    }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |cause| (*cause).source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
