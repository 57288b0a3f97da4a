//! How a test disturbs a fake, and what it sees of its traffic.

use std::sync::Arc;

use super::{
    delivery::Delivery,
    request_log::RequestLog,
    script::{Script, Scripted},
};

/// How a test disturbs a fake.
#[derive(Clone, Debug)]
pub struct Controls {
    script: Arc<Script>,
    requests: RequestLog,
    delivery: Delivery,
}

impl Controls {
    pub(super) fn new() -> Self {
        Self {
            script: Arc::default(),
            requests: RequestLog::default(),
            delivery: Delivery::new(),
        }
    }

    /// Answers the next request that begins with a method and path such as `POST /v1/rooms`.
    pub fn answer(&self, request: &str, answer: Scripted) {
        self.script.add(request, answer);
    }

    /// How many requests began with a method and path such as `POST /v1/rooms`.
    pub fn requests(&self, begin: &str) -> usize {
        self.requests.count(begin)
    }

    /// What happens to webhooks.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    pub(super) fn script(&self) -> Arc<Script> {
        self.script.clone()
    }

    pub(super) fn log(&self) -> RequestLog {
        self.requests.clone()
    }
}
