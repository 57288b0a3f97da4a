//! A fake of Whereby: `https://api.whereby.dev/v1`.

mod answer;
mod call;
mod insights;
mod meetings;
mod recordings;
mod state;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use axum::{Router, middleware};

use self::state::State;
use super::{controls::Controls, delivery::Delivery, request_log, script, serve::Serving};

/// The key of the fake's organization.
pub const API_KEY: &str = "whereby-test-key";

/// Signs the fake's webhooks.
pub const WEBHOOK_SECRET: &str = "whereby-test-webhook-secret";

/// A running fake. Its people join and leave when a test says so.
#[derive(Debug)]
pub struct FakeWhereby {
    shared: Arc<Shared>,
    controls: Controls,
    serving: Serving,
}

/// What the fake's handlers and the test share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    delivery: Delivery,
    port: OnceLock<u16>,
}

impl FakeWhereby {
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let controls = Controls::new();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            delivery: controls.delivery().clone(),
            port: OnceLock::new(),
        });
        let serving = Serving::start(router(&shared, &controls)).await;
        shared.port.set(serving.port).expect("the port is set once");
        Self {
            shared,
            controls,
            serving,
        }
    }

    /// The address for `WHEREBY_API_URL`.
    pub fn api_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.serving.port)
    }

    /// How to disturb the fake.
    pub fn controls(&self) -> &Controls {
        &self.controls
    }

    /// Sends webhooks to this address, as its dashboard is told.
    pub fn send_webhooks_to(&self, url: &str) {
        self.shared.state().webhook_url = Some(url.to_owned());
    }

    /// The ids of the meetings that exist.
    pub fn meetings(&self) -> Vec<String> {
        self.shared.state().meetings.keys().cloned().collect()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics here")
    }
}

fn router(shared: &Arc<Shared>, controls: &Controls) -> Router {
    let api = Router::new()
        .merge(meetings::routes())
        .merge(recordings::routes())
        .merge(insights::routes())
        .layer(middleware::from_fn(answer::authorize));
    Router::new()
        .nest("/v1", api)
        .layer(middleware::from_fn_with_state(controls.script(), script::answer))
        .layer(middleware::from_fn_with_state(controls.log(), request_log::note))
        .merge(recordings::files())
        .with_state(shared.clone())
}
