//! Sends webhooks, and lets a test lose, repeat, hold and reorder them.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::http::{HeaderMap, StatusCode};

/// How long a receiver may take: Whereby's limit.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A webhook that was sent, or would have been.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The event's type.
    pub name: String,
    pub url: String,
    pub headers: HeaderMap,
    pub body: String,
    /// `None` if it was dropped, is held, or got no answer.
    pub status: Option<StatusCode>,
}

/// Sends webhooks by a test's rules.
#[derive(Clone, Debug)]
pub struct Delivery {
    http: reqwest::Client,
    rules: Arc<Mutex<Rules>>,
}

#[derive(Debug)]
struct Rules {
    copies: usize,
    dropped: Vec<String>,
    holding: bool,
    held: Vec<Sent>,
    log: Vec<Sent>,
}

impl Delivery {
    pub(super) fn new() -> Self {
        crate::use_tls_provider();
        let rules = Rules {
            copies: 1,
            dropped: Vec::new(),
            holding: false,
            held: Vec::new(),
            log: Vec::new(),
        };
        let http = reqwest::Client::builder().timeout(TIMEOUT).build();
        Self {
            http: http.expect("a client can be built"),
            rules: Arc::new(Mutex::new(rules)),
        }
    }

    /// Sends each later webhook so many times.
    pub fn repeat(&self, copies: usize) {
        self.rules().copies = copies;
    }

    /// Loses later webhooks of this type. The platform takes them for delivered.
    pub fn drop_events(&self, name: &str) {
        self.rules().dropped.push(name.to_owned());
    }

    /// Loses no more webhooks.
    pub fn drop_nothing(&self) {
        self.rules().dropped.clear();
    }

    /// Keeps later webhooks back until [`Self::release_reversed`].
    pub fn hold(&self) {
        self.rules().holding = true;
    }

    /// Sends the webhooks that were kept back, the last one first, and keeps back no more.
    pub async fn release_reversed(&self) {
        let mut held = {
            let mut rules = self.rules();
            rules.holding = false;
            std::mem::take(&mut rules.held)
        };
        held.reverse();
        for webhook in held {
            self.send(webhook).await;
        }
    }

    /// Everything that was sent or dropped, in order.
    pub fn log(&self) -> Vec<Sent> {
        self.rules().log.clone()
    }

    /// Sends a webhook and returns whether the receiver took it; a dropped or held one counts as taken.
    pub(super) async fn send(&self, mut webhook: Sent) -> bool {
        let copies = {
            let mut rules = self.rules();
            if rules.holding {
                rules.held.push(webhook);
                return true;
            }
            if rules.dropped.contains(&webhook.name) {
                rules.log.push(webhook);
                return true;
            }
            rules.copies
        };
        let mut is_taken = true;
        for _ in 0..copies {
            webhook.status = self.post(&webhook).await;
            is_taken &= webhook.status.is_some_and(|status| status.is_success());
            self.rules().log.push(webhook.clone());
        }
        is_taken
    }

    /// Posts once, whatever the rules say.
    pub(super) async fn post(&self, webhook: &Sent) -> Option<StatusCode> {
        let request = self.http.post(&webhook.url).headers(webhook.headers.clone());
        let answer = request.body(webhook.body.clone()).send().await;
        answer.ok().map(|answer| answer.status())
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().expect("no test panics here")
    }
}
